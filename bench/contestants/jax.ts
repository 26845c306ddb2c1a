import {
  blockUntilReady,
  defaultDevice,
  getWebGPUDevice,
  init,
  jit,
  lax,
  nn,
  numpy as np,
  tree,
  valueAndGrad,
  vjp,
} from '@jax-js/jax'
import { inputsOf, parametersOf } from '../inputs.ts'
import { inverse, permuteHost, permuteShape } from '../layout.ts'
import { adam, modelOf } from '../models.ts'
import type {
  AttentionTask,
  ConvTask,
  HostArray,
  InferTask,
  OpenContestant,
  OpTask,
  Running,
  StepTask,
} from '../workload.ts'
import { batchNorm, forwardOf, layerNorm, type Weights } from './jax-models.ts'

/** Opens jax-js on its WebGPU backend. */
export const openJax: OpenContestant = async () => {
  const devices = await init('webgpu')
  if (!devices.includes('webgpu')) throw new Error('jax: the WebGPU backend does not start here')
  defaultDevice('webgpu')
  const device = getWebGPUDevice()
  return {
    device,
    async make(task) {
      if (task.kind === 'step') return makeStep(task)
      return task.kind === 'infer' ? makeInference(device, task) : makeOp(device, task)
    },
  }
}

function put(data: HostArray['data'], shape: readonly number[]): np.Array {
  return np.array(data, { shape: [...shape], dtype: data instanceof Int32Array ? np.int32 : np.float32 })
}

function upload({ data, shape }: HostArray, axes?: readonly number[]): np.Array {
  return axes ? put(permuteHost(data, shape, axes), permuteShape(shape, axes)) : put(data, shape)
}

/** [n, h, w, c] as [n, c, h, w]. */
const channelsFirst = [0, 3, 1, 2]

type State = {
  weights: Weights
  statistics: Weights
  first: Weights
  second: Weights
  /** Powers of the decay rates, for the correction of the bias. */
  decay: { first: np.Array; second: np.Array }
}

/** Matrices are [in, out] here; tables of embeddings stay. */
function axesOf(name: string, shape: readonly number[]): readonly number[] | undefined {
  const isTable = name === 'word.weight' || name === 'position.weight' || name.includes('embeddings')
  return shape.length === 2 && !isTable ? [1, 0] : undefined
}

function zeros(weights: Weights): Weights {
  return tree.map((w: np.Array) => np.zeros(w.shape), tree.ref(weights)) as Weights
}

/** Zeros and ones for the running statistics of every BatchNorm. */
function initialStatistics(task: StepTask): Weights {
  if (task.model !== 'resnet18') return {}
  const norms = modelOf(task).parameters.filter(({ name, around }) => around === 1 && name.endsWith('.weight'))
  return Object.fromEntries(
    norms.flatMap(({ name, shape }) => {
      const prefix = name.slice(0, -'.weight'.length)
      return [
        [`${prefix}.running_mean`, np.zeros([...shape])],
        [`${prefix}.running_var`, np.ones([...shape])],
      ]
    }),
  )
}

/** Adam over all weights, within the compiled step. */
function update(state: State, grads: Weights, statistics: Weights): State {
  const { lr, beta1, beta2, eps } = adam
  const decay = { first: state.decay.first.mul(beta1), second: state.decay.second.mul(beta2) }
  const next: State = { weights: {}, statistics, first: {}, second: {}, decay }
  for (const [name, g] of Object.entries(grads)) {
    const m = (state.first[name] as np.Array).mul(beta1).add(g.ref.mul(1 - beta1))
    const v = (state.second[name] as np.Array).mul(beta2).add(np.square(g).mul(1 - beta2))
    const corrected = m.ref.div(np.subtract(1, decay.first.ref))
    const scale = np.sqrt(v.ref.div(np.subtract(1, decay.second.ref))).add(eps)
    next.weights[name] = (state.weights[name] as np.Array).sub(corrected.div(scale).mul(lr))
    next.first[name] = m
    next.second[name] = v
  }
  return next
}

function makeStep(task: StepTask): Running {
  const spec = modelOf(task)
  const forward = forwardOf(task)
  const inputs = inputsOf(task) as { x: HostArray; y: HostArray }
  const isImage = inputs.x.shape.length === 4
  const x = upload(inputs.x, isImage ? channelsFirst : undefined)
  const y = upload(inputs.y)
  const weights: Weights = Object.fromEntries(
    Object.entries(parametersOf(task)).map(([name, array]) => [name, upload(array, axesOf(name, array.shape))]),
  )
  let state: State = {
    weights,
    statistics: initialStatistics(task),
    first: zeros(weights),
    second: zeros(weights),
    decay: { first: np.array(1), second: np.array(1) },
  }
  const lossOf = (w: Weights, statistics: Weights, input: np.Array, target: np.Array): [np.Array, Weights] => {
    const out = forward(w, statistics, input)
    if (spec.loss === 'mse') return [np.mean(np.square(out.y.sub(target))), out.statistics]
    const picked = nn.logSoftmax(out.y, -1).mul(nn.oneHot(target, spec.y.classes as number))
    return [np.sum(picked).mul(-1 / task.batch), out.statistics]
  }
  const step = jit((before: State, input: np.Array, target: np.Array) => {
    const [[loss, statistics], grads] = valueAndGrad(lossOf, { hasAux: true })(
      tree.ref(before.weights),
      before.statistics,
      input,
      target,
    )
    return { loss, state: update(before, grads as Weights, statistics as Weights) }
  })
  let loss: np.Array | null = null
  return {
    async run() {
      loss?.dispose()
      const out = step(state, x.ref, y.ref) as { loss: np.Array; state: State }
      loss = out.loss
      state = out.state
      // Steps that run ahead of the GPU are slower in jax-js than steps that are waited for.
      await loss.blockUntilReady()
    },
    async wait() {
      await blockUntilReady(state.weights)
    },
    read: async () => ({ loss: Array.from((await loss?.ref.data()) ?? [Number.NaN]) }),
    async parameters() {
      const read: Record<string, ArrayLike<number>> = {}
      for (const { name, shape } of spec.parameters) {
        const data = (await (state.weights[name] as np.Array).ref.data()) as Float32Array
        const axes = axesOf(name, shape)
        read[name] = axes ? permuteHost(data, permuteShape(shape, axes), inverse(axes)) : data
      }
      return read
    },
    close() {
      tree.dispose([state, x, y])
      loss?.dispose()
      step.dispose()
    },
  }
}

/** Repeats a compiled function of arrays, and reads its results; `back` puts one into the reference's layout. */
function repeat(
  device: GPUDevice,
  names: readonly string[],
  args: readonly np.Array[],
  fn: (...args: np.Array[]) => np.Array[],
  back: (data: ArrayLike<number>, shape: readonly number[], name: string) => ArrayLike<number> = (data) => data,
): Running {
  const compiled = jit(fn)
  let results: np.Array[] = []
  return {
    async run() {
      const isFirst = results.length === 0
      tree.dispose(results)
      results = compiled(...args.map((a) => a.ref)) as np.Array[]
      // Results are lazy, and one that is dropped is never computed: asking for the buffer submits the work. The first
      // time, pipelines are compiled side by side instead.
      if (isFirst) await blockUntilReady(results)
      else for (const result of results) result.ref.gpuBufferSync()
    },
    async wait() {
      await blockUntilReady(results)
      await device.queue.onSubmittedWorkDone()
    },
    async read() {
      const read: Record<string, ArrayLike<number>> = {}
      for (const [i, name] of names.entries()) {
        const result = results[i] as np.Array
        read[name] = back((await result.ref.data()) as Float32Array, result.shape, name)
      }
      return read
    },
    close() {
      tree.dispose([results, ...args])
      compiled.dispose()
    },
  }
}

async function makeInference(device: GPUDevice, task: InferTask): Promise<Running> {
  const { inference } = await import('./jax-infer.ts')
  const { names, weights, run } = inference(task)
  const { x } = inputsOf(task) as { x: HostArray }
  const input = upload(x, x.shape.length === 4 ? channelsFirst : undefined)
  const arrays = Object.entries(weights).map(([name, array]) => upload(array, axesOf(name, array.shape)))
  return repeat(device, names, [input, ...arrays], (first, ...given) => run(first as np.Array, given))
}

function makeOp(device: GPUDevice, task: OpTask): Running {
  const inputs = inputsOf(task)
  const input = (name: string): np.Array => upload(inputs[name] as HostArray)
  switch (task.kind) {
    case 'matmul': {
      const { transA, transB } = task
      return repeat(device, ['c'], [input('a'), input('b')], (a, b) => [
        np.matmul(transA ? np.matrixTranspose(a as np.Array) : a!, transB ? np.matrixTranspose(b as np.Array) : b!),
      ])
    }
    case 'conv':
      return makeConv(device, task)
    case 'norm': {
      const forward = (x: np.Array, weight: np.Array, bias: np.Array): np.Array => {
        if (task.op === 'layerNorm') return layerNorm(x, weight, bias)
        const { y, mean, variance } = batchNorm(x, weight, bias, [0])
        tree.dispose([mean, variance])
        return y
      }
      const [x, weight, bias, dy] = ['x', 'weight', 'bias', 'dy'].map(input) as [np.Array, np.Array, np.Array, np.Array]
      if (task.op === 'softmax') {
        if (task.pass === 'forward') return repeat(device, ['y'], [x], (a) => [nn.softmax(a!)])
        return repeat(device, ['dx'], [x, dy], (a, seed) => pullBack((p) => nn.softmax(p!), [a!], seed!))
      }
      if (task.pass === 'forward') return repeat(device, ['y'], [x, weight, bias], (a, w, b) => [forward(a!, w!, b!)])
      return repeat(device, ['dx', 'dweight', 'dbias'], [x, weight, bias, dy], (a, w, b, seed) =>
        pullBack((p, q, r) => forward(p!, q!, r!), [a!, w!, b!], seed!),
      )
    }
    case 'attention':
      return makeAttention(device, task)
  }
}

/** Gradients of the product sum of f with `seed`. */
function pullBack(f: (...args: np.Array[]) => np.Array, args: np.Array[], seed: np.Array): np.Array[] {
  const [y, back] = vjp(f, args)
  y.dispose()
  const grads = back(seed) as np.Array[]
  back.dispose()
  return grads
}

/** Attention is [batch, sequence, heads, dim] in jax-js. */
function makeAttention(device: GPUDevice, task: AttentionTask): Running {
  const inputs = inputsOf(task)
  const axes = [0, 2, 1, 3]
  const [q, k, v, dy] = ['q', 'k', 'v', 'dy'].map((name) => upload(inputs[name] as HostArray, axes)) as [
    np.Array,
    np.Array,
    np.Array,
    np.Array,
  ]
  const attend = (...args: np.Array[]): np.Array => nn.dotProductAttention(args[0]!, args[1]!, args[2]!)
  const back = (data: ArrayLike<number>, shape: readonly number[]): ArrayLike<number> => permuteHost(data, shape, axes)
  if (task.pass === 'forward') return repeat(device, ['y'], [q, k, v], (...args) => [attend(...args)], back)
  return repeat(
    device,
    ['dq', 'dk', 'dv'],
    [q, k, v, dy],
    (a, b, c, seed) => pullBack(attend, [a!, b!, c!], seed!),
    back,
  )
}

function makeConv(device: GPUDevice, task: ConvTask): Running {
  const inputs = inputsOf(task) as { x: HostArray; w: HostArray; dy: HostArray }
  const x = upload(inputs.x, channelsFirst)
  const dy = upload(inputs.dy, channelsFirst)
  const w = upload(inputs.w)
  const { stride, padding, pass } = task
  const around: [number, number] = [padding, padding]
  const conv = (a: np.Array, b: np.Array): np.Array => lax.convGeneralDilated(a, b, [stride, stride], [around, around])
  const back = (data: ArrayLike<number>, shape: readonly number[]): ArrayLike<number> =>
    permuteHost(data, shape, inverse(channelsFirst))
  if (pass === 'forward') return repeat(device, ['y'], [x, w], (a, b) => [conv(a!, b!)], back)
  if (pass === 'input gradient')
    return repeat(device, ['dx'], [x, w, dy], (a, b, seed) => pullBack((p) => conv(p!, b!.ref), [a!], seed!), back)
  if (pass === 'weight gradient')
    return repeat(device, ['dw'], [x, w, dy], (a, b, seed) => pullBack((q) => conv(a!.ref, q!), [b!], seed!))
  return repeat(
    device,
    ['dx', 'dw'],
    [x, w, dy],
    (a, b, seed) => pullBack((p, q) => conv(p!, q!), [a!, b!], seed!),
    (data, shape, name) => (name === 'dx' ? back(data, shape) : data),
  )
}
