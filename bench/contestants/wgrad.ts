import {
  batchNorm,
  type Compiled,
  compile,
  conv2d,
  crossEntropy,
  type Device,
  grad,
  layerNorm,
  matmul,
  mseLoss,
  openDevice,
  type Profile,
  profile,
  readAll,
  softmax,
  type Tensor,
  tensor,
} from '../../src/index.ts'
import { Parameter } from '../../src/nn/index.ts'
import { Adam } from '../../src/optim/index.ts'
import { inputsOf, parametersOf } from '../inputs.ts'
import { inverse, permuteHost, permuteShape } from '../layout.ts'
import { adam, modelOf, normEps } from '../models.ts'
import type { ConvTask, DispatchTime, HostArray, OpenContestant, OpTask, Running, StepTask } from '../workload.ts'
import { attend, buildModel } from './wgrad-models.ts'

/** [out, in, h, w] in the order of wgrad's convolution weights. */
const weightAxes = [0, 2, 3, 1]

/** Opens wgrad. */
export const openWgrad: OpenContestant = async (gpu) => {
  const device = await openDevice({ gpu, adapter: 'high-performance' })
  return {
    device: device.handle,
    make: async (task) => {
      if (task.kind === 'step') return makeStep(device, task)
      if (task.kind !== 'infer') return makeOp(device, task)
      // Apart, so that what is timed from the import on does not load models.
      const { inference } = await import('./wgrad-infer.ts')
      const { names, run } = inference(task, upload((inputsOf(task) as { x: HostArray }).x))
      return repeat(device, names, run)
    },
  }
}

function upload({ data, shape }: HostArray): Tensor {
  return tensor(data, { shape })
}

function makeStep(device: Device, task: StepTask): Running {
  const { x, y } = inputsOf(task) as { x: HostArray; y: HostArray }
  const model = buildModel(task)
  model.loadStateDict(parametersOf(task), { strict: false })
  const { lr, beta1, beta2, eps } = adam
  const optimizer = new Adam(model.parameters(), { lr, betas: [beta1, beta2], eps })
  const lossOf = modelOf(task).loss === 'mse' ? mseLoss : crossEntropy
  const step = compile((inputs: Tensor, target: Tensor) => {
    const loss = lossOf(model.forward(inputs), target)
    optimizer.minimize(loss)
    return { loss }
  })
  const [input, target] = [upload(x), upload(y)]
  let loss: Tensor | null = null
  return {
    run() {
      loss = step(input, target).loss
    },
    wait: () => device.idle(),
    read: async () => ({ loss: [(await loss?.item()) ?? Number.NaN] }),
    async parameters() {
      const trained = new Set(modelOf(task).parameters.map(({ name }) => name))
      const state = Object.entries(await model.stateDict()).filter(([name]) => trained.has(name))
      return Object.fromEntries(state.map(([name, { data }]) => [name, data]))
    },
    kernels: () => timesOf(profile(step, input, target)),
    close: () => step.release(),
  }
}

async function timesOf(profiled: Promise<Profile>): Promise<DispatchTime[]> {
  return (await profiled).rows.map(({ op, kernel, microseconds, flops, bytes }) => {
    const shader = kernel.replace(/\.wgsl$/, '')
    return { name: op === shader ? op : `${op} (${shader})`, ms: microseconds / 1000, flops, bytes }
  })
}

/** Repeats a function without arguments, and reads its results. */
function repeat(device: Device, names: readonly string[], fn: () => readonly Tensor[]): Running {
  const step: Compiled<[], readonly Tensor[]> = compile(fn, { device })
  let results: readonly Tensor[] = []
  return {
    run() {
      results = step()
    },
    wait: () => device.idle(),
    async read() {
      const values = await readAll(results)
      return Object.fromEntries(names.map((name, i) => [name, values[i] as ArrayLike<number>]))
    },
    kernels: () => timesOf(profile(step)),
    close: () => step.release(),
  }
}

function makeOp(device: Device, task: OpTask): Running {
  const inputs = inputsOf(task)
  const input = (name: string): Tensor => upload(inputs[name] as HostArray)
  const variable = (name: string): Parameter => new Parameter(input(name))
  switch (task.kind) {
    case 'matmul': {
      const { transA = false, transB = false } = task
      const [a, b] = [input('a'), input('b')]
      return repeat(device, ['c'], () => [matmul(a, b, { transA, transB })])
    }
    case 'conv':
      return makeConv(device, task)
    case 'norm': {
      const [x, weight, bias, dy] = [variable('x'), variable('weight'), variable('bias'), input('dy')]
      const forward = (): Tensor => {
        if (task.op === 'softmax') return softmax(x)
        if (task.op === 'layerNorm') return layerNorm(x, [task.columns], { weight, bias, eps: normEps })
        return batchNorm(x, { weight, bias, training: true, eps: normEps }).y
      }
      if (task.pass === 'forward') return repeat(device, ['y'], () => [forward()])
      if (task.op === 'softmax') return repeat(device, ['dx'], () => grad(forward(), [x], dy))
      return repeat(device, ['dx', 'dweight', 'dbias'], () => grad(forward(), [x, weight, bias], dy))
    }
    case 'attention': {
      const [q, k, v, dy] = [variable('q'), variable('k'), variable('v'), input('dy')]
      if (task.pass === 'forward') return repeat(device, ['y'], () => [attend(q, k, v)])
      return repeat(device, ['dq', 'dk', 'dv'], () => grad(attend(q, k, v), [q, k, v], dy))
    }
  }
}

function makeConv(device: Device, task: ConvTask): Running {
  const inputs = inputsOf(task) as { x: HostArray; w: HostArray; dy: HostArray }
  const { shape, data } = inputs.w
  const w = new Parameter(tensor(permuteHost(data, shape, weightAxes), { shape: permuteShape(shape, weightAxes) }))
  const x = new Parameter(upload(inputs.x))
  const dy = upload(inputs.dy)
  const { stride, padding, pass } = task
  const forward = (): Tensor => conv2d(x, w, { stride, padding })
  if (pass === 'forward') return repeat(device, ['y'], () => [forward()])
  if (pass === 'input gradient') return repeat(device, ['dx'], () => grad(forward(), [x], dy))
  const running =
    pass === 'gradients'
      ? repeat(device, ['dx', 'dw'], () => grad(forward(), [x, w], dy))
      : repeat(device, ['dw'], () => grad(forward(), [w], dy))
  const read = async (): Promise<Record<string, ArrayLike<number>>> => {
    const { dw, ...others } = await running.read()
    return { ...others, dw: permuteHost(dw as ArrayLike<number>, permuteShape(shape, weightAxes), inverse(weightAxes)) }
  }
  return { ...running, read }
}
