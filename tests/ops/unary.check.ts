import {
  abs,
  cast,
  cos,
  type DType,
  erf,
  exp,
  gelu,
  leakyRelu,
  log,
  relu,
  rsqrt,
  sigmoid,
  sign,
  silu,
  sin,
  softplus,
  sqrt,
  square,
  type Tensor,
  tanh,
} from '../../src/index.ts'
import { defineCheck, type InputSpec, type OpCheck } from './check.ts'
import { elementwise } from './reference.ts'

/** The error function to full precision: its series near 0, a continued fraction beyond. */
function exactErf(x: number): number {
  const a = Math.abs(x)
  if (a < 2.5) {
    let term = x
    let total = x
    for (let n = 1; n < 60; n++) {
      term *= (-x * x) / n
      total += term / (2 * n + 1)
    }
    return (2 / Math.sqrt(Math.PI)) * total
  }
  let fraction = a
  for (let n = 60; n > 0; n--) fraction = a + n / 2 / fraction
  const tail = Math.exp(-a * a) / (fraction * Math.sqrt(Math.PI))
  return Math.sign(x) * (1 - tail)
}

const logistic = (x: number): number => 1 / (1 + Math.exp(-x))
const geluTanh = (x: number): number => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)))

interface Tails {
  /** Each list is a sample of its own, so that its errors are relative to its own values. */
  readonly tails?: readonly (readonly number[])[]
  /** The slope changes too fast in the tails for difference quotients. */
  readonly steep?: boolean
  readonly input?: Omit<InputSpec, 'shape'>
  readonly more?: Partial<OpCheck<undefined>>
}

function unary(
  op: string,
  f: (x: Tensor) => Tensor,
  value: (x: number) => number,
  { tails = [], steep = false, input = {}, more = {} }: Tails = {},
): OpCheck {
  return defineCheck<undefined>({
    op,
    call: ([x]) => f(x!),
    reference: (inputs) => elementwise(inputs, ([x = 0]) => value(x)),
    samples: [
      { inputs: [{ ...input, shape: [5, 7] }] },
      ...tails.map((values) => ({ inputs: [{ shape: [values.length], values }], forwardOnly: steep })),
    ],
    differentiable: true,
    fails: [
      {
        inputs: [{ shape: [2], dtype: 'i32' as const }],
        message: `${op}: x is i32; it must be f32 or f16: convert it with cast`,
      },
    ],
    ...more,
  })
}

const trigonometric = { forward: 1e-3, backward: 1e-3, why: 'WGSL allows sin and cos an absolute error of 2^-11' }
const anyNumber = { fails: [] }

/** What a cast makes of a number. */
function castValue(x: number, from: DType, to: DType): number {
  if (to === 'bool') return x === 0 ? 0 : 1
  if (from === 'bool' || to === 'f32' || to === 'f16') return x
  return Math.trunc(x)
}

const dtypes = ['f32', 'i32', 'u32', 'bool', 'f16'] as const
const castInputs: Record<DType, InputSpec> = {
  f32: { shape: [6], values: [0, 1.75, 2.5, 0.25, 100.5, 3] },
  f16: { shape: [6], values: [0, 1.75, 2.5, 0.25, 100.5, 3], dtype: 'f16' },
  i32: { shape: [4], values: [0, 1, 7, 1000], dtype: 'i32' },
  u32: { shape: [4], values: [0, 1, 7, 1000], dtype: 'u32' },
  bool: { shape: [3], values: [0, 1, 1], dtype: 'bool' },
}

export const unaryChecks: readonly OpCheck[] = [
  unary('exp', exp, Math.exp, {
    tails: [
      [-40, -30],
      [20, 30],
    ],
  }),
  unary('log', log, Math.log, {
    steep: true,
    input: { range: [0.1, 5] },
    tails: [
      [1e-20, 1e-10],
      [1e10, 1e20],
    ],
  }),
  unary('sqrt', sqrt, Math.sqrt, { steep: true, input: { range: [0.1, 5] }, tails: [[1e-4, 4e-4]] }),
  unary('rsqrt', rsqrt, (x) => 1 / Math.sqrt(x), { input: { range: [0.1, 5] } }),
  unary('abs', abs, Math.abs, { input: { step: 0.1 } }),
  unary('sign', sign, Math.sign, { input: { values: [-2, 0, 3, -0.5, 0.001] }, more: { differentiable: false } }),
  unary('sin', sin, Math.sin, { input: { range: [-3, 3] }, more: { tolerance: trigonometric } }),
  unary('cos', cos, Math.cos, { input: { range: [-3, 3] }, more: { tolerance: trigonometric } }),
  unary('tanh', tanh, Math.tanh, {
    tails: [
      [-20, -12, 12, 20, 90],
      [1e-3, -2e-3],
    ],
  }),
  unary('sigmoid', sigmoid, logistic, {
    tails: [
      [-30, -31],
      [30, 20, 17],
      [-100, 100],
    ],
  }),
  unary('relu', relu, (x) => Math.max(x, 0), { input: { step: 0.1 } }),
  unary('softplus', softplus, (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))), {
    tails: [[-15, -20, -12], [30, 90], [0]],
  }),
  unary('silu', silu, (x) => x * logistic(x), {
    tails: [
      [-15, -20],
      [20, 30],
      [-100, 100],
    ],
  }),
  unary('erf', erf, exactErf, {
    tails: [
      [-6, -4, 4, 6],
      [0.45, 0.55, -0.5],
      [1e-4, -3e-4],
    ],
  }),
  unary('gelu', gelu, (x) => 0.5 * x * (1 + exactErf(x * Math.SQRT1_2)), {
    tails: [
      [-20, 20, 0],
      [-3, -2.5],
    ],
  }),
  unary('geluTanh', (x) => gelu(x, { approximate: 'tanh' }), geluTanh, {
    tails: [
      [-20, 20, 0],
      [-3, -2.5],
    ],
  }),
  unary('square', square, (x) => x * x, { more: anyNumber }),
  unary('leakyRelu', leakyRelu, (x) => (x > 0 ? x : 0.01 * x), { input: { step: 0.1 }, more: anyNumber }),
  defineCheck({
    op: 'abs and sign of integers',
    call: ([x]) => [abs(cast(x!, 'f32')), sign(cast(x!, 'f32'))],
    reference: (inputs) => [
      elementwise(inputs, ([x = 0]) => Math.abs(x)),
      elementwise(inputs, ([x = 0]) => Math.sign(x)),
    ],
    samples: [{ inputs: [{ shape: [5], dtype: 'i32' }] }],
    differentiable: false,
  }),
  defineCheck<{ from: DType; to: DType }>({
    op: 'cast',
    call: ([x], { to }) => cast(x!, to),
    reference: (inputs, { from, to }) => elementwise(inputs, ([x = 0]) => castValue(x, from, to)),
    samples: [
      ...dtypes.flatMap((from) =>
        dtypes.flatMap((to) => {
          const needs = to === 'f16' ? { needs: 'shader-f16' } : {}
          return from === to ? [] : [{ inputs: [castInputs[from]], attrs: { from, to }, forwardOnly: true, ...needs }]
        }),
      ),
      {
        inputs: [{ shape: [4], values: [-1.75, -0.5, -2, 1.25] }],
        attrs: { from: 'f32', to: 'i32' },
        forwardOnly: true,
      },
      { inputs: [{ shape: [3], values: [-5, 0, 5], dtype: 'i32' }], attrs: { from: 'i32', to: 'f32' } },
    ],
    differentiable: false,
  }),
  defineCheck({
    op: 'cast to half precision and back',
    call: ([x]) => cast(cast(x!, 'f16').mul(2), 'f32'),
    reference: (inputs) => elementwise(inputs, ([x = 0]) => 2 * x),
    samples: [{ inputs: [[9]], needs: 'shader-f16' }, { inputs: [{ shape: [3, 3], dtype: 'f16' }] }],
    differentiable: true,
    tolerance: { forward: 1e-3, backward: 1e-3, why: 'half precision has 11 bits' },
  }),
]
