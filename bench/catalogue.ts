import { inferenceOf } from './infer/models.ts'
import { convOutput } from './inputs.ts'
import { modelOf } from './models.ts'
import type { AttentionTask, ConvTask, InferTask, MatmulTask, NormTask, StepTask, Task, Workload } from './workload.ts'

/** Suites whose workloads are timed side by side. */
export type TimedSuite = 'gemm' | 'conv' | 'norm' | 'attention' | 'recurrent' | 'steps' | 'infer'

/** FLOPs of the useful work of a task, and the bytes it must move at least. */
export function costOf(task: Task): { flops: number; bytes: number } {
  switch (task.kind) {
    case 'matmul': {
      const { m, k, n } = task
      return { flops: 2 * m * k * n, bytes: 4 * (m * k + k * n + m * n) }
    }
    case 'conv': {
      const { batch, size, cin, cout, kernel, pass } = task
      const out = convOutput(task)
      const [x, w, y] = [batch * size * size * cin, cin * cout * kernel * kernel, batch * out * out * cout]
      const flops = 2 * batch * out * out * w
      // Both gradients read dy once and write as much as they read of the other two.
      return pass === 'gradients'
        ? { flops: 2 * flops, bytes: 4 * (2 * (x + w) + y) }
        : { flops, bytes: 4 * (x + w + y) }
    }
    case 'norm': {
      const elements = task.rows * task.columns
      // Forward reads x and writes y; the gradients read x and dy and write dx.
      return task.pass === 'forward'
        ? { flops: 8 * elements, bytes: 8 * elements }
        : { flops: 16 * elements, bytes: 12 * elements }
    }
    case 'attention': {
      const { batch, heads, sequence, dim, pass } = task
      const products = batch * heads * sequence * sequence * dim
      const elements = batch * heads * sequence * dim
      // Forward has two products; the gradients have those and five more, of which the scores are computed again.
      return pass === 'forward'
        ? { flops: 4 * products, bytes: 16 * elements }
        : { flops: 14 * products, bytes: 32 * elements }
    }
    case 'step': {
      const { parameters, forwardFlops } = modelOf(task)
      const count = parameters.reduce((sum, p) => sum + p.shape.reduce((a, b) => a * b, 1), 0)
      // Adam reads weight, gradient and two moments and writes three of them; activations are left out.
      return { flops: 3 * forwardFlops, bytes: 28 * count }
    }
    case 'infer': {
      const { flops, weightBytes } = inferenceOf(task)
      return { flops, bytes: weightBytes }
    }
  }
}

function workload(suite: TimedSuite, name: string, task: Task): Workload {
  return { suite, name, task, ...costOf(task) }
}

function gemm(m: number, k: number, n: number, options: Partial<MatmulTask> = {}): Workload {
  const form = `${options.transA ? 'T' : 'N'}${options.transB ? 'T' : 'N'}`
  return workload('gemm', `${m}x${k}x${n}${form === 'NN' ? '' : ` ${form}`}`, { kind: 'matmul', m, k, n, ...options })
}

function conv(
  pass: ConvTask['pass'],
  batch: number,
  size: number,
  [cin, cout]: readonly [number, number],
  kernel: number,
  stride = 1,
): Workload {
  const task: ConvTask = { kind: 'conv', pass, batch, size, cin, cout, kernel, stride, padding: (kernel - 1) >> 1 }
  const what = `${kernel}x${kernel}${stride > 1 ? `/${stride}` : ''} ${size}x${size} ${cin}->${cout} b${batch}`
  return workload('conv', `${what} ${pass}`, task)
}

type ConvSides = readonly [
  batch: number,
  size: number,
  channels: readonly [number, number],
  kernel: number,
  stride?: number,
]

/** A layer of small networks, whose gradients are timed together too. */
const trainedShape: ConvSides = [4, 28, [32, 32], 3]

/** Shapes of ResNet-50 at 224 and ResNet-18 at 32. */
const convShapes: readonly ConvSides[] = [
  [1, 224, [3, 64], 7, 2],
  [1, 56, [64, 64], 3],
  [1, 56, [64, 256], 1],
  [1, 28, [128, 128], 3],
  [1, 56, [128, 128], 3, 2],
  [1, 14, [256, 256], 3],
  [1, 7, [512, 512], 3],
  [8, 32, [64, 64], 3],
]

function norm(op: NormTask['op'], pass: NormTask['pass'], rows: number, columns: number): Workload {
  return workload('norm', `${op} ${rows}x${columns} ${pass}`, { kind: 'norm', op, pass, rows, columns })
}

function attention(pass: AttentionTask['pass'], sequence: number): Workload {
  const task: AttentionTask = { kind: 'attention', pass, batch: 1, heads: 4, sequence, dim: 64 }
  return workload('attention', `B1 H4 S${sequence} D64 ${pass}`, task)
}

function step(suite: TimedSuite, options: Omit<StepTask, 'kind' | 'checked'> & { checked?: number }): Workload {
  const task: StepTask = { kind: 'step', checked: 3, ...options }
  return workload(suite, modelOf(task).title, task)
}

function infer(model: InferTask['model'], batch: number, size: number): Workload {
  const task: InferTask = { kind: 'infer', model, batch, size }
  return workload('infer', inferenceOf(task).title, task)
}

const passes = ['forward', 'gradients'] as const

const suites: Readonly<Record<TimedSuite, () => Workload[]>> = {
  gemm: () => [
    ...[128, 256, 512, 1024].map((n) => gemm(n, n, n)),
    gemm(1, 1024, 1024),
    gemm(16, 1024, 1024),
    gemm(1024, 1024, 16),
    gemm(64, 784, 256),
    gemm(512, 512, 512, { transA: true }),
    gemm(512, 512, 512, { transB: true }),
  ],
  conv: () => [
    ...convShapes.map((sides) => conv('forward', ...sides)),
    ...(['input gradient', 'weight gradient'] as const).flatMap((pass) =>
      [...convShapes, trainedShape].map((sides) => conv(pass, ...sides)),
    ),
    conv('gradients', ...trainedShape),
  ],
  norm: () =>
    passes.flatMap((pass) => [
      norm('layerNorm', pass, 1024, 256),
      norm('layerNorm', pass, 512, 1024),
      norm('batchNorm', pass, 8192, 64),
      norm('batchNorm', pass, 512, 512),
      norm('softmax', pass, 1024, 256),
      norm('softmax', pass, 512, 1024),
    ]),
  attention: () => passes.flatMap((pass) => [64, 256, 1024].map((sequence) => attention(pass, sequence))),
  recurrent: () =>
    (['lstm', 'gru'] as const).flatMap((model) => [
      step('recurrent', { model, sequence: 16, batch: 8, hidden: 32 }),
      step('recurrent', { model, sequence: 32, batch: 16, hidden: 64 }),
      step('recurrent', { model, sequence: 64, batch: 64, hidden: 256 }),
    ]),
  steps: () => [
    step('steps', { model: 'mlp', batch: 64 }),
    step('steps', { model: 'cnn', batch: 32 }),
    step('steps', { model: 'lstm', batch: 16, sequence: 32, inputs: 8, hidden: 64 }),
    step('steps', { model: 'block', batch: 2, sequence: 64 }),
    step('steps', { model: 'bert', batch: 4, sequence: 64 }),
    step('steps', { model: 'resnet18', batch: 8, checked: 1 }),
  ],
  infer: () => [infer('resnet50', 1, 224), infer('bert', 1, 64), infer('bert', 1, 128)],
}

/** Names of the suites whose workloads are timed side by side. */
export const timedSuites: readonly TimedSuite[] = ['gemm', 'conv', 'norm', 'attention', 'recurrent', 'steps', 'infer']

/** The workloads of a suite. */
export function workloadsOf(suite: TimedSuite): Workload[] {
  return suites[suite]()
}
