import { type InputSpec, norm, type ParameterSpec, uniformLinear } from '../models.ts'
import type { Arrays, HostArray, InferTask } from '../workload.ts'

/** A published architecture as data: every contestant builds it from this. Keys are those of published weights. */
export interface InferenceSpec {
  readonly title: string
  readonly parameters: readonly ParameterSpec[]
  readonly x: InputSpec
  /** FLOPs in matrix products and convolutions alone, and bytes of the weights that are read. */
  readonly flops: number
  readonly weightBytes: number
}

/** Sizes of BERT-base. */
export const bertBase = {
  vocabulary: 30522,
  positions: 512,
  types: 2,
  width: 768,
  layers: 12,
  heads: 12,
  inner: 3072,
  eps: 1e-12,
} as const

/** A bottleneck of ResNet-50: where its weights are, and what it does to the size and the channels. */
export interface Bottleneck {
  readonly name: string
  readonly planes: number
  readonly stride: number
  /** Whether the shortcut has a convolution. */
  readonly isFirst: boolean
}

/** The bottlenecks of ResNet-50, "v1.5": the 3x3 convolution has the stride. */
export const bottlenecks: readonly Bottleneck[] = [3, 4, 6, 3].flatMap((depth, stage) =>
  Array.from({ length: depth }, (_, b) => ({
    name: `layer${stage + 1}.${b}`,
    planes: 64 * 2 ** stage,
    stride: b === 0 && stage > 0 ? 2 : 1,
    isFirst: b === 0,
  })),
)

/** Each convolution of ResNet-50 with the norm behind it, in the order of the state dict. */
interface ConvSpec {
  readonly conv: string
  readonly norm: string
  readonly from: number
  readonly to: number
  readonly kernel: number
  /** Height and width of the output. */
  readonly size: number
}

function convolutions(imageSize: number): ConvSpec[] {
  const half = (size: number): number => Math.floor((size - 1) / 2) + 1
  let size = half(imageSize)
  const all: ConvSpec[] = [{ conv: 'conv1', norm: 'bn1', from: 3, to: 64, kernel: 7, size }]
  size = half(size)
  let from = 64
  for (const { name, planes, stride, isFirst } of bottlenecks) {
    const out = stride === 2 ? half(size) : size
    const to = 4 * planes
    all.push({ conv: `${name}.conv1`, norm: `${name}.bn1`, from, to: planes, kernel: 1, size })
    all.push({ conv: `${name}.conv2`, norm: `${name}.bn2`, from: planes, to: planes, kernel: 3, size: out })
    all.push({ conv: `${name}.conv3`, norm: `${name}.bn3`, from: planes, to, kernel: 1, size: out })
    if (isFirst)
      all.push({ conv: `${name}.downsample.0`, norm: `${name}.downsample.1`, from, to, kernel: 1, size: out })
    from = to
    size = out
  }
  return all
}

function resnet50({ batch, size }: InferTask): InferenceSpec {
  const convs = convolutions(size)
  const parameters = convs.flatMap(({ conv, norm: name, from, to, kernel }): ParameterSpec[] => [
    { name: `${conv}.weight`, shape: [to, from, kernel, kernel], scale: 1.5 * (from * kernel ** 2) ** -0.5, around: 0 },
    ...norm(name, to),
    { name: `${name}.running_mean`, shape: [to], scale: 0.2, around: 0 },
    { name: `${name}.running_var`, shape: [to], scale: 0.2, around: 1 },
  ])
  const flops = convs.reduce((sum, { from, to, kernel, size: out }) => sum + 2 * out ** 2 * from * to * kernel ** 2, 0)
  return specOf(`ResNet-50, ${size}x${size}, batch ${batch}`, {
    parameters: [...parameters, ...uniformLinear('fc', 2048, 1000)],
    x: { shape: [batch, size, size, 3] },
    flops: batch * (flops + 2 * 2048 * 1000),
    unread: 0,
  })
}

function bert({ batch, size, layers = bertBase.layers }: InferTask): InferenceSpec {
  const { vocabulary, positions, types, width, inner } = bertBase
  const table = (name: string, rows: number): ParameterSpec => ({
    name: `embeddings.${name}_embeddings.weight`,
    shape: [rows, width],
    scale: 0.5,
    around: 0,
  })
  const layer = (name: string): ParameterSpec[] => [
    ...['query', 'key', 'value'].flatMap((part) => uniformLinear(`${name}.attention.self.${part}`, width, width)),
    ...uniformLinear(`${name}.attention.output.dense`, width, width),
    ...norm(`${name}.attention.output.LayerNorm`, width),
    ...uniformLinear(`${name}.intermediate.dense`, width, inner),
    ...uniformLinear(`${name}.output.dense`, inner, width),
    ...norm(`${name}.output.LayerNorm`, width),
  ]
  const tables = [table('word', vocabulary), table('position', positions), table('token_type', types)]
  const tokens = batch * size
  const layerFlops = 2 * tokens * (4 * width * width + 2 * width * inner + 2 * size * width)
  return specOf(`BERT-base${layers === bertBase.layers ? '' : `, ${layers} layers`}, ${size} tokens, batch ${batch}`, {
    parameters: [
      ...tables,
      ...norm('embeddings.LayerNorm', width),
      ...Array.from({ length: layers }, (_, l) => layer(`encoder.layer.${l}`)).flat(),
      ...uniformLinear('pooler.dense', width, width),
    ],
    x: { shape: [batch, size], classes: vocabulary },
    flops: layers * layerFlops + 2 * batch * width * width,
    unread: (vocabulary + positions) * width,
  })
}

function specOf(
  title: string,
  { unread, ...rest }: Omit<InferenceSpec, 'title' | 'weightBytes'> & { unread: number },
): InferenceSpec {
  const count = rest.parameters.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)
  return { title, ...rest, weightBytes: 4 * (count - unread) }
}

/** The model of an inference. */
export function inferenceOf(task: InferTask): InferenceSpec {
  return task.model === 'resnet50' ? resnet50(task) : bert(task)
}

/**
 * ResNet's weights as programs that only infer take them: the norm behind each convolution is folded into its weight and a bias,
 * which an exporter or a converter does.
 */
export function foldedNorms(weights: Arrays, eps: number): Arrays {
  const folded: Record<string, HostArray> = {}
  const of = (name: string): HostArray => weights[name] as HostArray
  for (const { conv, norm: name } of convolutions(224)) {
    const { shape, data } = of(`${conv}.weight`)
    const [scale, shift, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map(
      (part) => of(`${name}.${part}`).data,
    ) as [Float32Array, Float32Array, Float32Array, Float32Array]
    const factors = scale.map((v, o) => v / Math.sqrt((variance[o] as number) + eps))
    const each = data.length / factors.length
    folded[`${conv}.weight`] = {
      shape,
      data: Float32Array.from(data, (v, i) => v * (factors[Math.floor(i / each)] as number)),
    }
    folded[`${conv}.bias`] = {
      shape: [factors.length],
      data: shift.map((v, o) => v - (mean[o] as number) * (factors[o] as number)) as Float32Array<ArrayBuffer>,
    }
  }
  return { ...folded, 'fc.weight': of('fc.weight'), 'fc.bias': of('fc.bias') }
}
