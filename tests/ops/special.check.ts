import {
  allClose,
  cast,
  cummax,
  cummin,
  cumprod,
  erf,
  erfinv,
  floorDivide,
  glu,
  hardshrink,
  hardtanh,
  hypot,
  isClose,
  lerp,
  logAddExp,
  nanToNum,
  reciprocal,
  softshrink,
  type Tensor,
  threshold,
  trunc,
} from '../../src/index.ts'
import { defineCheck, type InputSpec, type OpCheck } from './check.ts'
import { build, elementwise, position } from './reference.ts'
import { unaryCheck } from './unary-check.ts'

const composite = { fails: [] }

/** The root of erf(y) = x by bisection, with erf by its series. */
function exactErfinv(x: number): number {
  const erfOf = (y: number): number => {
    let term = y
    let total = y
    for (let n = 1; n < 120; n++) {
      term *= (-y * y) / n
      total += term / (2 * n + 1)
    }
    return (2 / Math.sqrt(Math.PI)) * total
  }
  let [low, high] = [-4, 4]
  for (let k = 0; k < 80; k++) {
    const middle = (low + high) / 2
    if (erfOf(middle) < x) low = middle
    else high = middle
  }
  return (low + high) / 2
}

const spaced = (...shape: number[]): InputSpec => ({ shape, step: 0.05 })

function running(op: string, f: (x: Tensor, axis: number) => Tensor, join: (a: number, b: number) => number): OpCheck {
  return defineCheck<{ axis: number }>({
    op,
    call: ([x], { axis }) => f(x!, axis),
    reference: ([x], { axis }) =>
      build(x!.shape, (at) => {
        const values = Array.from({ length: (at[axis] as number) + 1 }, (_, k) => {
          return x!.data[position(x!.shape, at.with(axis, k))] as number
        })
        return values.reduce(join)
      }),
    samples: [
      { inputs: [spaced(1)], attrs: { axis: 0 } },
      { inputs: [spaced(3, 7, 2)], attrs: { axis: 1 } },
      { inputs: [spaced(5, 4)], attrs: { axis: 0 } },
    ],
    differentiable: true,
    fails: [
      { inputs: [[3]], attrs: { axis: 1 }, message: `${op}: axis 1 of a tensor of rank 1; axes run from -1 to 0` },
    ],
  })
}

const { NaN: nan, POSITIVE_INFINITY: inf } = Number

export const specialChecks: readonly OpCheck[] = [
  unaryCheck('erfinv', erfinv, exactErfinv, {
    input: { range: [-0.95, 0.95] },
    tails: [
      [1e-4, -1e-3],
      [0.9999, -0.9995],
    ],
    steep: true,
  }),
  defineCheck({
    op: 'erfinv of erf',
    call: ([x]) => erfinv(erf(x!)),
    reference: ([x]) => x!,
    samples: [{ inputs: [{ shape: [40], range: [-2, 2] }] }],
    differentiable: true,
    tolerance: {
      forward: 1e-4,
      backward: 1e-3,
      why: 'erf of 2 is so near to 1 that f32 holds four digits of the rest',
    },
  }),
  unaryCheck('reciprocal', reciprocal, (x) => 1 / x, { input: { range: [0.5, 3] }, more: composite }),
  unaryCheck('trunc', trunc, Math.trunc, { tails: [[-2.5, -0.5, 0, 0.5, 1e20]], more: { differentiable: false } }),
  unaryCheck('hardtanh', hardtanh, (x) => Math.min(1, Math.max(-1, x)), { input: { step: 0.1 }, more: composite }),
  unaryCheck('softshrink', softshrink, (x) => Math.sign(x) * Math.max(0, Math.abs(x) - 0.5), {
    input: { step: 0.07 },
    more: composite,
  }),
  unaryCheck('hardshrink', hardshrink, (x) => (Math.abs(x) > 0.5 ? x : 0), { input: { step: 0.07 }, more: composite }),
  unaryCheck(
    'threshold',
    (x) => threshold(x, 0.3, -2),
    (x) => (x > 0.3 ? x : -2),
    {
      input: { step: 0.07 },
      more: composite,
    },
  ),
  defineCheck<{ axis: number }>({
    op: 'glu',
    call: ([x], { axis }) => glu(x!, axis),
    reference: ([x], { axis }) => {
      const { shape, data } = x!
      const half = (shape[axis] as number) / 2
      return build(shape.with(axis, half), (at) => {
        const gate = data[position(shape, at.with(axis, (at[axis] as number) + half))] as number
        return (data[position(shape, at)] as number) / (1 + Math.exp(-gate))
      })
    },
    samples: [
      { inputs: [[3, 4]], attrs: { axis: 1 } },
      { inputs: [[2, 6, 3]], attrs: { axis: 1 } },
    ],
    differentiable: true,
    fails: [{ inputs: [[2, 3]], attrs: { axis: 1 }, message: 'glu: axis 1 of [2, 3] has 3 elements; it must be even' }],
  }),
  defineCheck({
    op: 'floorDivide',
    call: ([a, b]) => floorDivide(a!, b!),
    reference: (inputs) => elementwise(inputs, ([a = 0, b = 1]) => Math.floor(a / b)),
    samples: [
      {
        inputs: [
          { shape: [6], values: [7, -7, 7.5, -7.5, 0.3, 8] },
          { shape: [1], values: [2] },
        ],
      },
      {
        inputs: [
          { shape: [4], dtype: 'i32', values: [7, -7, 7, -8] },
          { shape: [4], dtype: 'i32', values: [2, 2, -2, 4] },
        ],
      },
      {
        inputs: [
          { shape: [3], dtype: 'u32', values: [7, 8, 0] },
          { shape: [], dtype: 'u32', values: [4] },
        ],
      },
    ],
    differentiable: false,
  }),
  defineCheck({
    op: 'logAddExp',
    call: ([a, b]) => logAddExp(a!, b!),
    reference: (inputs) =>
      elementwise(inputs, ([a = 0, b = 0]) => Math.max(a, b) + Math.log1p(Math.exp(-Math.abs(a - b)))),
    samples: [
      { inputs: [[4, 5], [5]] },
      {
        inputs: [
          { shape: [3], values: [200, -200, 100] },
          { shape: [3], values: [199, -201, -100] },
        ],
        why: 'e ** x overflows',
      },
    ],
    differentiable: true,
  }),
  defineCheck({
    op: 'hypot',
    call: ([a, b]) => hypot(a!, b!),
    reference: (inputs) => elementwise(inputs, ([a = 0, b = 0]) => Math.hypot(a, b)),
    samples: [
      { inputs: [spaced(4, 5), { shape: [5], values: [0.33, 0.77, -1.21] }] },
      {
        inputs: [
          { shape: [2], values: [3e30, 0] },
          { shape: [2], values: [4e30, 0] },
        ],
        why: 'squares overflow',
        forwardOnly: true,
      },
    ],
    differentiable: true,
  }),
  defineCheck({
    op: 'lerp',
    call: ([a, b, weight]) => lerp(a!, b!, weight!),
    reference: (inputs) => elementwise(inputs, ([a = 0, b = 0, weight = 0]) => a + weight * (b - a)),
    samples: [{ inputs: [[3, 4], [4], [3, 1]] }],
    differentiable: true,
  }),
  defineCheck({
    op: 'nanToNum',
    call: ([x]) => nanToNum(x!, 7),
    reference: (inputs) =>
      elementwise(inputs, ([x = 0]) =>
        Number.isNaN(x) ? 7 : Math.min(3.4028234663852886e38, Math.max(-3.4028234663852886e38, x)),
      ),
    samples: [{ inputs: [{ shape: [3], values: [nan, 2, -3] }] }, { inputs: [{ shape: [2], values: [inf, -inf] }] }],
    differentiable: false,
  }),
  defineCheck({
    op: 'isClose',
    call: ([a, b]) => [cast(isClose(a!, b!), 'f32'), cast(allClose(a!, b!, { rtol: 0.1 }), 'f32')],
    reference: ([a, b]) => {
      const close = (rtol: number): number[] =>
        Array.from(a!.data, (x, i) => {
          const y = b!.data[i] as number
          if (!Number.isFinite(x) || !Number.isFinite(y)) return x === y ? 1 : 0
          return Math.abs(x - y) <= 1e-8 + rtol * Math.abs(y) ? 1 : 0
        })
      return [
        { shape: a!.shape, data: Float64Array.from(close(1e-5)) },
        { shape: [], data: Float64Array.of(Math.min(...close(0.1))) },
      ]
    },
    samples: [
      {
        inputs: [
          { shape: [7], values: [1, 1, inf, inf, 5, nan, 0] },
          { shape: [7], values: [1.000001, 1.001, inf, -inf, inf, nan, 0] },
        ],
      },
      {
        inputs: [
          { shape: [2], values: [1, 2] },
          { shape: [2], values: [1.05, 2] },
        ],
      },
    ],
    differentiable: false,
  }),
  running('cumprod', cumprod, (a, b) => a * b),
  running('cummax', cummax, (a, b) => Math.max(a, b)),
  running('cummin', cummin, (a, b) => Math.min(a, b)),
]
