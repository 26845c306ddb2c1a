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
  tanh,
} from '../../src/index.ts'
import { defineCheck, type InputSpec, type OpCheck } from './check.ts'
import { elementwise } from './reference.ts'
import { unaryCheck } from './unary-check.ts'

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
  unaryCheck('exp', exp, Math.exp, {
    tails: [
      [-40, -30],
      [20, 30],
    ],
  }),
  unaryCheck('log', log, Math.log, {
    steep: true,
    input: { range: [0.1, 5] },
    tails: [
      [1e-20, 1e-10],
      [1e10, 1e20],
    ],
  }),
  unaryCheck('sqrt', sqrt, Math.sqrt, { steep: true, input: { range: [0.1, 5] }, tails: [[1e-4, 4e-4]] }),
  unaryCheck('rsqrt', rsqrt, (x) => 1 / Math.sqrt(x), { input: { range: [0.1, 5] } }),
  unaryCheck('abs', abs, Math.abs, { input: { step: 0.1 } }),
  unaryCheck('sign', sign, Math.sign, { input: { values: [-2, 0, 3, -0.5, 0.001] }, more: { differentiable: false } }),
  unaryCheck('sin', sin, Math.sin, { input: { range: [-3, 3] }, more: { tolerance: trigonometric } }),
  unaryCheck('cos', cos, Math.cos, { input: { range: [-3, 3] }, more: { tolerance: trigonometric } }),
  unaryCheck('tanh', tanh, Math.tanh, {
    tails: [
      [-20, -12, 12, 20, 90],
      [1e-3, -2e-3],
    ],
  }),
  unaryCheck('sigmoid', sigmoid, logistic, {
    tails: [
      [-30, -31],
      [30, 20, 17],
      [-100, 100],
    ],
  }),
  unaryCheck('relu', relu, (x) => Math.max(x, 0), { input: { step: 0.1 } }),
  unaryCheck('softplus', softplus, (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))), {
    tails: [[-15, -20, -12], [30, 90], [0]],
  }),
  unaryCheck('silu', silu, (x) => x * logistic(x), {
    tails: [
      [-15, -20],
      [20, 30],
      [-100, 100],
    ],
  }),
  unaryCheck('erf', erf, exactErf, {
    tails: [
      [-6, -4, 4, 6],
      [0.45, 0.55, -0.5],
      [1e-4, -3e-4],
    ],
  }),
  unaryCheck('gelu', gelu, (x) => 0.5 * x * (1 + exactErf(x * Math.SQRT1_2)), {
    tails: [
      [-20, 20, 0],
      [-3, -2.5],
    ],
  }),
  unaryCheck('geluTanh', (x) => gelu(x, { approximate: 'tanh' }), geluTanh, {
    tails: [
      [-20, 20, 0],
      [-3, -2.5],
    ],
  }),
  unaryCheck('square', square, (x) => x * x, { more: anyNumber }),
  unaryCheck('leakyRelu', leakyRelu, (x) => (x > 0 ? x : 0.01 * x), { input: { step: 0.1 }, more: anyNumber }),
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
