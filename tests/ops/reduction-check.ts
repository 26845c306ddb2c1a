import type { Tensor } from '../../src/index.ts'
import { defineCheck, type InputSpec, type OpCheck, type Sample } from './check.ts'
import { reduce } from './reference.ts'

export interface Axes {
  readonly axes?: number | readonly number[]
  readonly keepdim?: boolean
}

export const bothKernels = ['software', 'gpu'] as const

/** Non-negative axes of a sample. */
export function axesOf(rank: number, axes: Axes['axes']): number[] {
  const all = Array.from({ length: rank }, (_, d) => d)
  return (axes === undefined ? all : typeof axes === 'number' ? [axes] : axes).map((a) => (a < 0 ? a + rank : a))
}

/** A check of a function that reduces axes; both sets of kernels run. */
export function reductionCheck(
  op: string,
  f: (x: Tensor, axes?: number | readonly number[], keepdim?: boolean) => Tensor,
  value: (values: number[]) => number,
  samples: readonly Sample<Axes>[],
  more: Partial<OpCheck<Axes>> = {},
): OpCheck {
  return defineCheck<Axes>({
    op,
    call: ([x], { axes, keepdim } = {}) => f(x!, axes, keepdim),
    reference: ([x], { axes, keepdim = false } = {}) => reduce(x!, axesOf(x!.shape.length, axes), keepdim, value),
    samples,
    differentiable: true,
    kernels: bothKernels,
    ...more,
  })
}

/** Axes at every place, lengths on both sides of where another kernel takes over, in few pipelines. */
export function places(input: Omit<InputSpec, 'shape'>): Sample<Axes>[] {
  const of = (...shape: number[]): InputSpec => ({ ...input, shape })
  return [
    { inputs: [of(3, 5)], why: 'all axes' },
    { inputs: [of(3, 5)], attrs: { axes: 1 }, why: 'trailing, short' },
    { inputs: [of(7, 70)], attrs: { axes: -1, keepdim: true }, why: 'trailing, a tree' },
    { inputs: [of(70, 5)], attrs: { axes: 0 }, why: 'leading, in parts' },
    { inputs: [of(3, 31, 2)], attrs: { axes: [1] }, why: 'middle' },
    { inputs: [of(2, 3, 2, 5)], attrs: { axes: [0, 2], keepdim: true }, why: 'mixed' },
    { inputs: [of(2, 5, 3, 33)], attrs: { axes: [1, 3] }, why: 'mixed, long' },
  ]
}
