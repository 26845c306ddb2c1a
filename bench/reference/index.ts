import { convOutput, inputsOf, parametersOf } from '../inputs.ts'
import { adam, normEps } from '../models.ts'
import type { Arrays, HostArray, MatmulTask, OpTask, StepTask, Task } from '../workload.ts'
import { inferred } from './infer.ts'
import { batchNorm, conv2d, layerNorm, softmax } from './layers.ts'
import { attend, lossOf } from './models.ts'
import { backward, leaf, type Tape, type Value } from './tape.ts'

/** What a result must be. */
export interface Expected {
  readonly length: number
  at(i: number): number
  /** Where it started, for a result whose change matters: a parameter before the steps. */
  start?(i: number): number
}

/** What a task must give, in double precision and by no code of any contestant. */
export function expectedOf(task: Task): Readonly<Record<string, Expected>> {
  switch (task.kind) {
    case 'matmul':
      return { c: product(task, inputsOf(task)) }
    case 'step':
      return trained(task)
    case 'infer':
      return Object.fromEntries(Object.entries(inferred(task)).map(([name, values]) => [name, of(values)]))
    default:
      return operation(task)
  }
}

/** Only the elements that are asked for are computed. */
function product({ m, k, n, transA, transB }: MatmulTask, { a, b }: Arrays): Expected {
  const [left, right] = [(a as HostArray).data, (b as HostArray).data]
  return {
    length: m * n,
    at(i) {
      const [row, column] = [Math.floor(i / n), i % n]
      let sum = 0
      for (let l = 0; l < k; l++)
        sum +=
          (left[transA ? l * m + row : row * k + l] as number) *
          (right[transB ? column * k + l : l * n + column] as number)
      return sum
    },
  }
}

const of = (values: ArrayLike<number>, start?: ArrayLike<number>): Expected => ({
  length: values.length,
  at: (i) => values[i] as number,
  ...(start && { start: (i: number) => start[i] as number }),
})

function operation(task: Exclude<OpTask, MatmulTask>): Record<string, Expected> {
  const inputs = inputsOf(task)
  const value = (name: string): Value => leaf((inputs[name] as HostArray).shape, (inputs[name] as HostArray).data)
  const tape: Tape = []
  if (task.kind === 'conv') {
    const [x, w] = [value('x'), value('w')]
    const y = conv2d(tape, x, w, task.stride, task.padding)
    if (y.shape[1] !== convOutput(task)) throw new Error('bench: the reference disagrees about the size of the output')
    if (task.pass === 'forward') return { y: of(y.data) }
    backward(tape, y, value('dy').data)
    const [dx, dw] = [of(x.grad), of(w.grad)]
    return task.pass === 'gradients' ? { dx, dw } : task.pass === 'input gradient' ? { dx } : { dw }
  }
  if (task.kind === 'attention') {
    const [q, k, v] = [value('q'), value('k'), value('v')]
    const y = attend(tape, q, k, v)
    if (task.pass === 'forward') return { y: of(y.data) }
    backward(tape, y, value('dy').data)
    return { dq: of(q.grad), dk: of(k.grad), dv: of(v.grad) }
  }
  const [x, weight, bias] = [value('x'), value('weight'), value('bias')]
  const norm = task.op === 'layerNorm' ? layerNorm : batchNorm
  const y = task.op === 'softmax' ? softmax(tape, x) : norm(tape, x, weight, bias, normEps)
  if (task.pass === 'forward') return { y: of(y.data) }
  backward(tape, y, value('dy').data)
  const dx = of(x.grad)
  return task.op === 'softmax' ? { dx } : { dx, dweight: of(weight.grad), dbias: of(bias.grad) }
}

/** Losses of the checked steps, and the parameters after them. */
function trained(task: StepTask): Record<string, Expected> {
  const inputs = inputsOf(task) as { x: HostArray; y: HostArray }
  const initial = parametersOf(task)
  let weights = Object.fromEntries(Object.entries(initial).map(([name, w]) => [name, leaf(w.shape, w.data)]))
  const moments = Object.fromEntries(
    Object.entries(initial).map(([name, { data }]) => [
      name,
      { first: new Float64Array(data.length), second: new Float64Array(data.length) },
    ]),
  )
  const expected: Record<string, Expected> = {}
  const { lr, beta1, beta2, eps } = adam
  for (let step = 1; step <= task.checked; step++) {
    const { tape, loss } = lossOf(task, weights, leaf(inputs.x.shape, inputs.x.data), inputs.y.data)
    backward(tape, loss, [1])
    expected[`loss ${step}`] = of(loss.data)
    const [c1, c2] = [1 - beta1 ** step, 1 - beta2 ** step]
    weights = Object.fromEntries(
      Object.entries(weights).map(([name, w]) => {
        const { first, second } = moments[name] as { first: Float64Array; second: Float64Array }
        const next = w.data.map((p, i) => {
          const g = w.grad[i] as number
          first[i] = beta1 * (first[i] as number) + (1 - beta1) * g
          second[i] = beta2 * (second[i] as number) + (1 - beta2) * g * g
          return p - (lr * ((first[i] as number) / c1)) / (Math.sqrt((second[i] as number) / c2) + eps)
        })
        return [name, leaf(w.shape, next)]
      }),
    )
  }
  for (const [name, { data }] of Object.entries(initial)) expected[name] = of((weights[name] as Value).data, data)
  return expected
}
