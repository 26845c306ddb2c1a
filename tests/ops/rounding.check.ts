import {
  ceil,
  exp2,
  expm1,
  isFinite as finite,
  floor,
  log1p,
  log2,
  isNaN as nan,
  remainder,
  round,
  type Tensor,
} from '../../src/index.ts'
import { defineCheck, type OpCheck } from './check.ts'
import { elementwise } from './reference.ts'
import { unaryCheck } from './unary-check.ts'

const values = [-2.5, -1.5, -0.5, 0, 0.5, 1.5, 2.5, 0.49999997, -0.2, 1.2, 7, -7.75, 8388607.5, 1e20, -1e20]

function evenRound(x: number): number {
  const low = Math.floor(x)
  const rest = x - low
  if (rest !== 0.5) return rest < 0.5 ? low : low + 1
  return low % 2 === 0 ? low : low + 1
}

function rounding(op: string, f: (x: Tensor) => Tensor, value: (x: number) => number): OpCheck {
  return unaryCheck(op, f, value, {
    input: { values: values.slice(0, 12) },
    tails: [values.slice(12, 13), values.slice(13)],
    more: { differentiable: false },
  })
}

const unusual = [0, -0, 1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 3.4e38, 1e-38, -5]

function bitTest(op: string, f: (x: Tensor) => Tensor, value: (x: number) => boolean): OpCheck {
  return defineCheck({
    op,
    call: ([x]) => f(x!),
    reference: (inputs) => elementwise(inputs, ([x = 0]) => (value(x) ? 1 : 0)),
    samples: [{ inputs: [{ shape: [unusual.length], values: unusual }] }, { inputs: [[0]] }],
    differentiable: false,
    fails: [{ inputs: [{ shape: [2], dtype: 'u32' }], message: `${op}: x is u32; it must be f32 or f16` }],
  })
}

export const roundingChecks: readonly OpCheck[] = [
  rounding('floor', floor, Math.floor),
  rounding('ceil', ceil, Math.ceil),
  rounding('round', round, evenRound),
  bitTest('isNaN', nan, Number.isNaN),
  bitTest('isFinite', finite, Number.isFinite),
  defineCheck({
    op: 'remainder',
    call: ([a, b]) => remainder(a!, b!),
    reference: (inputs) => elementwise(inputs, ([a = 0, b = 0]) => a - Math.floor(a / b) * b),
    samples: [
      {
        inputs: [
          { shape: [3, 4], step: 0.83 },
          { shape: [4], values: [1.5, -1.5, 2.7, -0.9] },
        ],
      },
      {
        inputs: [
          { shape: [6], values: [7, -7, 7, -7, 6, -6], dtype: 'i32' },
          { shape: [6], values: [3, 3, -3, -3, 3, 3], dtype: 'i32' },
        ],
      },
      {
        inputs: [
          { shape: [4], dtype: 'u32' },
          { shape: [], values: [4], dtype: 'u32' },
        ],
      },
    ],
    differentiable: true,
    fails: [
      {
        inputs: [[2], { shape: [2], dtype: 'i32' }],
        message: 'remainder: a is f32 and b is i32; dtypes must agree: convert one with cast',
      },
    ],
  }),
  unaryCheck('log1p', log1p, Math.log1p, {
    steep: true,
    input: { range: [-0.8, 3] },
    tails: [[1e-6, -3e-6], [0.029, 0.031, -0.029, -0.031], [1e20]],
  }),
  unaryCheck('expm1', expm1, Math.expm1, {
    tails: [[1e-6, -3e-6], [0.099, 0.101, -0.099, -0.101], [-90], [20, 30]],
  }),
  unaryCheck('log2', log2, Math.log2, { steep: true, input: { range: [0.1, 5] }, tails: [[1e-20], [1e20]] }),
  unaryCheck('exp2', exp2, (x) => 2 ** x, {
    tails: [
      [-40, -30],
      [30, 20],
    ],
  }),
]
