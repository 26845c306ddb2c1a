import type { StepTask } from './workload.ts'

/** A parameter by PyTorch's key, in PyTorch's layout. */
export interface ParameterSpec {
  readonly name: string
  readonly shape: readonly number[]
  /** Half the width of the interval it is drawn from. */
  readonly scale: number
  /** The middle of that interval. */
  readonly around: number
}

/** An input; whole numbers below `classes` where that is given. */
export interface InputSpec {
  readonly shape: readonly number[]
  readonly classes?: number
}

/** A model as data: every contestant builds it from this. */
export interface ModelSpec {
  readonly title: string
  readonly parameters: readonly ParameterSpec[]
  readonly x: InputSpec
  readonly y: InputSpec
  readonly loss: 'crossEntropy' | 'mse'
  /** FLOPs of a forward pass over the batch in matrix products and convolutions alone. */
  readonly forwardFlops: number
}

/** Adam as every contestant must run it. */
export const adam = { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8 } as const

/** Epsilon of LayerNorm and BatchNorm. */
export const normEps = 1e-5

/** BatchNorm's share of a batch in the running statistics. */
export const momentum = 0.1

/** Sizes of the BERT. The key projection has no bias: it would not change the scores, and its gradient would be noise. */
export const bert = { layers: 2, width: 128, heads: 2, inner: 512, vocabulary: 1024, classes: 2 } as const

/** Sizes of the transformer block. */
export const block = { width: 128, heads: 4, inner: 512 } as const

/** Stages of the ResNet-18: channels and stride of the first of two basic blocks. */
export const stages: readonly { readonly channels: number; readonly stride: number }[] = [
  { channels: 64, stride: 1 },
  { channels: 128, stride: 2 },
  { channels: 256, stride: 2 },
  { channels: 512, stride: 2 },
]

/** A linear layer, drawn as PyTorch draws it. */
export const uniformLinear = (name: string, from: number, to: number, bias = true): ParameterSpec[] => [
  { name: `${name}.weight`, shape: [to, from], scale: from ** -0.5, around: 0 },
  ...(bias ? [{ name: `${name}.bias`, shape: [to], scale: from ** -0.5, around: 0 }] : []),
]

const conv = (name: string, from: number, to: number, kernel: number, bias = false): ParameterSpec[] => {
  const scale = (from * kernel * kernel) ** -0.5
  return [
    { name: `${name}.weight`, shape: [to, from, kernel, kernel], scale: bias ? scale : 1.5 * scale, around: 0 },
    ...(bias ? [{ name: `${name}.bias`, shape: [to], scale, around: 0 }] : []),
  ]
}

/** Weight and bias of a norm. */
export const norm = (name: string, width: number): ParameterSpec[] => [
  { name: `${name}.weight`, shape: [width], scale: 0.2, around: 1 },
  { name: `${name}.bias`, shape: [width], scale: 0.2, around: 0 },
]

const attention = (name: string, width: number): ParameterSpec[] => [
  ...uniformLinear(`${name}.query`, width, width),
  ...uniformLinear(`${name}.key`, width, width, false),
  ...uniformLinear(`${name}.value`, width, width),
  ...uniformLinear(`${name}.out`, width, width),
]

function attentionFlops(tokens: number, sequence: number, width: number, inner: number): number {
  return 2 * tokens * (4 * width * width + 2 * width * inner + 2 * sequence * width)
}

function recurrent(task: StepTask): ModelSpec {
  const { batch, model, sequence = 32, hidden = 64, inputs = hidden } = task
  const gates = model === 'lstm' ? 4 : 3
  const scale = hidden ** -0.5
  return {
    title: `${model.toUpperCase()} T=${sequence} B=${batch} I=${inputs} H=${hidden}`,
    parameters: [
      { name: 'weight_ih', shape: [gates * hidden, inputs], scale, around: 0 },
      { name: 'weight_hh', shape: [gates * hidden, hidden], scale, around: 0 },
      { name: 'bias', shape: [gates * hidden], scale, around: 0 },
      ...uniformLinear('head', hidden, 10),
    ],
    x: { shape: [batch, sequence, inputs] },
    y: { shape: [batch], classes: 10 },
    loss: 'crossEntropy',
    forwardFlops: 2 * batch * (sequence * gates * hidden * (inputs + hidden) + 10 * hidden),
  }
}

function resnet18(task: StepTask): ModelSpec {
  const parameters = [...conv('conv1', 3, 64, 3), ...norm('bn1', 64)]
  let flops = 2 * 32 * 32 * 3 * 64 * 9
  let from = 64
  let size = 32
  stages.forEach(({ channels, stride }, s) => {
    for (let b = 0; b < 2; b++) {
      const name = `layer${s + 1}.${b}`
      size /= b === 0 ? stride : 1
      parameters.push(...conv(`${name}.conv1`, from, channels, 3), ...norm(`${name}.bn1`, channels))
      parameters.push(...conv(`${name}.conv2`, channels, channels, 3), ...norm(`${name}.bn2`, channels))
      flops += 2 * size * size * 9 * channels * (from + channels)
      if (from !== channels) {
        parameters.push(...conv(`${name}.downsample.0`, from, channels, 1), ...norm(`${name}.downsample.1`, channels))
        flops += 2 * size * size * from * channels
      }
      from = channels
    }
  })
  parameters.push(...uniformLinear('fc', 512, 10))
  return {
    title: `ResNet-18, 32x32, batch ${task.batch}`,
    parameters,
    x: { shape: [task.batch, 32, 32, 3] },
    y: { shape: [task.batch], classes: 10 },
    loss: 'crossEntropy',
    forwardFlops: task.batch * (flops + 2 * 512 * 10),
  }
}

function bertSpec(task: StepTask): ModelSpec {
  const { batch, sequence = 64 } = task
  const { layers, width, inner, vocabulary, classes } = bert
  const parameters: ParameterSpec[] = [
    { name: 'word.weight', shape: [vocabulary, width], scale: 0.5, around: 0 },
    { name: 'position.weight', shape: [sequence, width], scale: 0.5, around: 0 },
    ...norm('norm', width),
  ]
  for (let l = 0; l < layers; l++) {
    parameters.push(...attention(`layers.${l}.attention`, width), ...norm(`layers.${l}.norm1`, width))
    parameters.push(
      ...uniformLinear(`layers.${l}.up`, width, inner),
      ...uniformLinear(`layers.${l}.down`, inner, width),
    )
    parameters.push(...norm(`layers.${l}.norm2`, width))
  }
  parameters.push(...uniformLinear('pooler', width, width), ...uniformLinear('classifier', width, classes))
  const tokens = batch * sequence
  return {
    title: `BERT, ${layers} layers, H=${width} S=${sequence} B=${batch}`,
    parameters,
    x: { shape: [batch, sequence], classes: vocabulary },
    y: { shape: [batch], classes },
    loss: 'crossEntropy',
    forwardFlops: layers * attentionFlops(tokens, sequence, width, inner) + 2 * batch * width * (width + classes),
  }
}

/** The model of a training step. */
export function modelOf(task: StepTask): ModelSpec {
  const { batch, sequence = 64 } = task
  switch (task.model) {
    case 'mlp':
      return {
        title: `MLP 784-256-256-10, batch ${batch}`,
        parameters: [...uniformLinear('0', 784, 256), ...uniformLinear('2', 256, 256), ...uniformLinear('4', 256, 10)],
        x: { shape: [batch, 784] },
        y: { shape: [batch], classes: 10 },
        loss: 'crossEntropy',
        forwardFlops: 2 * batch * (784 * 256 + 256 * 256 + 256 * 10),
      }
    case 'cnn':
      return {
        title: `CNN 28x28, batch ${batch}`,
        parameters: [...conv('0', 1, 16, 3, true), ...conv('3', 16, 32, 3, true), ...uniformLinear('7', 1568, 10)],
        x: { shape: [batch, 28, 28, 1] },
        y: { shape: [batch], classes: 10 },
        loss: 'crossEntropy',
        forwardFlops: 2 * batch * (784 * 9 * 16 + 196 * 144 * 32 + 1568 * 10),
      }
    case 'block': {
      const { width, inner, heads } = block
      return {
        title: `transformer block B=${batch} S=${sequence} D=${width} H=${heads}, MLP ${inner}`,
        parameters: [
          ...norm('norm1', width),
          ...attention('attention', width),
          ...norm('norm2', width),
          ...uniformLinear('up', width, inner),
          ...uniformLinear('down', inner, width),
        ],
        x: { shape: [batch, sequence, width] },
        y: { shape: [batch, sequence, width] },
        loss: 'mse',
        forwardFlops: attentionFlops(batch * sequence, sequence, width, inner),
      }
    }
    case 'lstm':
    case 'gru':
      return recurrent(task)
    case 'resnet18':
      return resnet18(task)
    case 'bert':
      return bertSpec(task)
  }
}
