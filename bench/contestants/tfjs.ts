import * as tf from '@tensorflow/tfjs'
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu'
import '@tensorflow/tfjs-backend-webgpu'
import { inputsOf, parametersOf } from '../inputs.ts'
import { inverse, permuteHost, permuteShape } from '../layout.ts'
import { adam, modelOf } from '../models.ts'
import type { ConvTask, HostArray, OpenContestant, OpTask, Running, StepTask } from '../workload.ts'
import { attend, batchNorm, forwardOf, layerNorm, type Weights } from './tfjs-models.ts'

/** Opens TensorFlow.js on its WebGPU backend. */
export const openTfjs: OpenContestant = async () => {
  if (!(await tf.setBackend('webgpu'))) throw new Error('tfjs: the WebGPU backend does not start here')
  await tf.ready()
  const { device } = tf.backend() as WebGPUBackend
  return {
    device,
    async make(task) {
      if (task.kind === 'step') return makeStep(task)
      if (task.kind !== 'infer') return makeOp(task)
      const { inference } = await import('./tfjs-infer.ts')
      const x = upload((inputsOf(task) as { x: HostArray }).x)
      const { names, run, close } = inference(task, x)
      const running = repeat(names, run)
      return {
        ...running,
        close() {
          running.close()
          close()
          x.dispose()
        },
      }
    },
  }
}

/** How TensorFlow.js wants a parameter: its shape before the axes change places, the new order, and its shape afterwards. */
interface Layout {
  readonly before: readonly number[]
  readonly axes: readonly number[] | null
  readonly after: readonly number[]
}

function layoutOf(name: string, shape: readonly number[], task: StepTask): Layout {
  if (shape.length === 4) return { before: shape, axes: [2, 3, 1, 0], after: permuteShape(shape, [2, 3, 1, 0]) }
  // Images are flattened as [height, width, channels] here, and as [channels, height, width] in PyTorch.
  if (task.model === 'cnn' && name === '7.weight')
    return { before: [10, 32, 7, 7], axes: [2, 3, 1, 0], after: [1568, 10] }
  if (shape.length === 2 && name !== 'word.weight' && name !== 'position.weight')
    return { before: shape, axes: [1, 0], after: permuteShape(shape, [1, 0]) }
  return { before: shape, axes: null, after: shape }
}

function upload({ data, shape }: HostArray): tf.Tensor {
  return tf.tensor(data, [...shape], data instanceof Int32Array ? 'int32' : 'float32')
}

/** TensorFlow.js gathers dispatches before it submits them; reading one number is how its users wait for all. */
async function waitFor(result: tf.Tensor | null | undefined): Promise<void> {
  if (!result) return
  const first = tf.tidy(() => tf.slice(tf.reshape(result, [-1]), 0, 1))
  await first.data()
  first.dispose()
}

function makeStep(task: StepTask): Running {
  const spec = modelOf(task)
  const weights: Record<string, tf.Variable> = {}
  for (const [name, { shape, data }] of Object.entries(parametersOf(task))) {
    const { before, axes, after } = layoutOf(name, shape, task)
    weights[name] = tf.variable(tf.tensor(axes ? permuteHost(data, before, axes) : data, [...after], 'float32'))
  }
  const statistics: Record<string, tf.Variable> = {}
  const forward = forwardOf(task, weights as Weights, statistics)
  const inputs = inputsOf(task) as { x: HostArray; y: HostArray }
  const x = upload(inputs.x)
  const y = spec.loss === 'mse' ? upload(inputs.y) : tf.oneHot(upload(inputs.y), spec.y.classes as number)
  const lossOf = (): tf.Scalar =>
    spec.loss === 'mse' ? tf.losses.meanSquaredError(y, forward(x)) : tf.losses.softmaxCrossEntropy(y, forward(x))
  const { lr, beta1, beta2, eps } = adam
  const optimizer = tf.train.adam(lr, beta1, beta2, eps)
  const trained = Object.values(weights)
  let loss: tf.Scalar | null = null
  return {
    run() {
      loss?.dispose()
      loss = optimizer.minimize(lossOf, true, trained)
    },
    wait: () => waitFor(trained[0]),
    read: async () => ({ loss: (await loss?.data()) ?? [Number.NaN] }),
    async parameters() {
      const read = await Promise.all(
        spec.parameters.map(async ({ name, shape }) => {
          const { before, axes } = layoutOf(name, shape, task)
          const data = await (weights[name] as tf.Variable).data()
          return [name, axes ? permuteHost(data, permuteShape(before, axes), inverse(axes)) : data] as const
        }),
      )
      return Object.fromEntries(read)
    },
    close: () => tf.dispose([x, y, ...trained, ...Object.values(statistics)]),
  }
}

/** Repeats a function, and reads its results. */
function repeat(names: readonly string[], fn: () => tf.Tensor[]): Running {
  let results: tf.Tensor[] = []
  return {
    run() {
      tf.dispose(results)
      results = tf.tidy(fn)
    },
    wait: () => waitFor(results[0]),
    async read() {
      const values = await Promise.all(results.map((result) => result.data()))
      return Object.fromEntries(names.map((name, i) => [name, values[i] as ArrayLike<number>]))
    },
    close: () => tf.dispose(results),
  }
}

function makeOp(task: OpTask): Running {
  const inputs = inputsOf(task)
  const input = <T extends tf.Tensor>(name: string): T => upload(inputs[name] as HostArray) as T
  switch (task.kind) {
    case 'matmul': {
      const [a, b] = [input('a'), input('b')]
      return repeat(['c'], () => [tf.matMul(a, b, task.transA, task.transB)])
    }
    case 'conv':
      return makeConv(task)
    case 'norm': {
      const [x, weight, bias, dy] = [input('x'), input('weight'), input('bias'), input('dy')]
      const forward = (a: tf.Tensor, w: tf.Tensor, b: tf.Tensor): tf.Tensor =>
        task.op === 'softmax' ? tf.softmax(a) : task.op === 'layerNorm' ? layerNorm(a, w, b) : batchNorm(a, w, b).y
      if (task.pass === 'forward') return repeat(['y'], () => [forward(x, weight, bias)])
      if (task.op === 'softmax') return repeat(['dx'], () => [tf.grad((a) => tf.softmax(a))(x, dy)])
      const grads = tf.grads((a, w, b) => forward(a as tf.Tensor, w as tf.Tensor, b as tf.Tensor))
      return repeat(['dx', 'dweight', 'dbias'], () => grads([x, weight, bias], dy))
    }
    case 'attention': {
      const [q, k, v, dy] = [input('q'), input('k'), input('v'), input('dy')]
      if (task.pass === 'forward') return repeat(['y'], () => [attend(q, k, v)])
      const grads = tf.grads((a, b, c) => attend(a as tf.Tensor, b as tf.Tensor, c as tf.Tensor))
      return repeat(['dq', 'dk', 'dv'], () => grads([q, k, v], dy))
    }
  }
}

function makeConv(task: ConvTask): Running {
  const inputs = inputsOf(task) as { x: HostArray; w: HostArray; dy: HostArray }
  const axes = [2, 3, 1, 0]
  const filterShape = permuteShape(inputs.w.shape, axes)
  const w = tf.tensor4d(
    permuteHost(inputs.w.data, inputs.w.shape, axes),
    filterShape as [number, number, number, number],
  )
  const x = upload(inputs.x) as tf.Tensor4D
  const dy = upload(inputs.dy) as tf.Tensor4D
  const { stride, padding, pass } = task
  const pad: [[number, number], [number, number], [number, number], [number, number]] = [
    [0, 0],
    [padding, padding],
    [padding, padding],
    [0, 0],
  ]
  if (pass === 'forward') return repeat(['y'], () => [tf.conv2d(x, w, stride, pad, 'NHWC')])
  // The kernels that the gradient of conv2d runs; tf.grad would run the forward pass beside them.
  const attributes = { strides: [stride, stride], pad, dataFormat: 'NHWC' }
  const run = (name: string, args: tf.NamedTensorMap, own: object): tf.Tensor =>
    tf.engine().runKernel(name, args, { ...attributes, ...own } as unknown as tf.NamedAttrMap) as tf.Tensor
  const dx = (): tf.Tensor => run('Conv2DBackpropInput', { dy, filter: w }, { inputShape: [...inputs.x.shape] })
  const dw = (): tf.Tensor => run('Conv2DBackpropFilter', { x, dy }, { filterShape })
  if (pass === 'input gradient') return repeat(['dx'], () => [dx()])
  const running = pass === 'gradients' ? repeat(['dx', 'dw'], () => [dx(), dw()]) : repeat(['dw'], () => [dw()])
  return {
    ...running,
    async read() {
      const { dw: read, ...others } = await running.read()
      return { ...others, dw: permuteHost(read as ArrayLike<number>, filterShape, inverse(axes)) }
    },
  }
}
