import { logSoftmax, softmax, type Tensor } from '../../src/index.ts'
import { defineCheck, type OpCheck, type Ref, type Sample } from './check.ts'
import { build, position, reduce } from './reference.ts'

interface Along {
  readonly axis?: number
}

function logarithm(x: Ref, { axis = -1 }: Along): Ref {
  const at = axis < 0 ? axis + x.shape.length : axis
  const total = reduce(x, [at], true, (values) => {
    const top = Math.max(...values)
    return top + Math.log(values.reduce((sum, v) => sum + Math.exp(v - top), 0))
  })
  return build(x.shape, (c, i) => (x.data[i] as number) - (total.data[position(total.shape, c)] as number))
}

const samples: readonly Sample<Along>[] = [
  { inputs: [[1]], attrs: {} },
  { inputs: [[3, 5]], attrs: {} },
  { inputs: [[4, 3, 5]], attrs: { axis: 1 } },
  { inputs: [[7, 4]], attrs: { axis: 0 } },
  { inputs: [[2, 31]], attrs: {} },
  { inputs: [[3, 65]], attrs: {}, why: 'one element more than a workgroup' },
  { inputs: [{ shape: [2, 7], range: [100, 110] }], attrs: {}, why: 'e ** x overflows' },
  { inputs: [{ shape: [2, 7], range: [-110, -90] }], attrs: {}, why: 'e ** x underflows' },
  { inputs: [{ shape: [1, 4], values: [-3e38, 0, 1, -3e38] }], attrs: {}, why: 'masked', forwardOnly: true },
  { inputs: [[0, 4]], attrs: {}, why: 'no rows' },
]

export const softmaxChecks: readonly OpCheck[] = [
  defineCheck<Along>({
    op: 'softmax',
    call: ([x], { axis }) => softmax(x as Tensor, axis),
    reference: ([x], attrs) => {
      const y = logarithm(x as Ref, attrs)
      return { shape: y.shape, data: y.data.map(Math.exp) }
    },
    samples,
    fails: [
      { inputs: [[2, 3]], attrs: { axis: 2 }, message: 'softmax: axis 2 of a tensor of rank 2; axes run from -2 to 1' },
      { inputs: [[]], attrs: {}, message: 'softmax: axis -1 of a tensor of rank 0; a scalar has no axes' },
    ],
    differentiable: true,
    kernels: ['gpu', 'software'],
    bench: [{ inputs: [[4096, 1024]], attrs: {} }],
  }),
  defineCheck<Along>({
    op: 'logSoftmax',
    call: ([x], { axis }) => logSoftmax(x as Tensor, axis),
    reference: ([x], attrs) => logarithm(x as Ref, attrs),
    samples,
    differentiable: true,
    kernels: ['gpu', 'software'],
  }),
]
