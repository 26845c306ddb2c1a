import { acos, acosh, asin, asinh, atan, atan2, atanh, cosh, sinh, tan } from '../../src/index.ts'
import { defineCheck, type OpCheck } from './check.ts'
import { elementwise } from './reference.ts'
import { unaryCheck } from './unary-check.ts'

const loose = { forward: 1e-3, backward: 1e-3, why: 'WGSL derives it from sin and cos, or from atan2 of 4096 ulp' }
const composite = { fails: [] }

export const trigonometryChecks: readonly OpCheck[] = [
  unaryCheck('tan', tan, Math.tan, { input: { range: [-1.3, 1.3] }, more: { tolerance: loose } }),
  unaryCheck('asin', asin, Math.asin, { input: { range: [-0.9, 0.9] }, more: { tolerance: loose } }),
  unaryCheck('acos', acos, Math.acos, { input: { range: [-0.9, 0.9] }, more: { tolerance: loose } }),
  unaryCheck('atan', atan, Math.atan, { input: { range: [-5, 5] }, tails: [[-1e4, 1e4]], more: { tolerance: loose } }),
  defineCheck({
    op: 'atan2',
    call: ([y, x]) => atan2(y!, x!),
    reference: (inputs) => elementwise(inputs, ([y = 0, x = 0]) => Math.atan2(y, x)),
    samples: [
      {
        inputs: [
          { shape: [5, 7], range: [0.2, 2] },
          { shape: [7], range: [-2, 2] },
        ],
      },
      {
        inputs: [
          { shape: [4], values: [1, -1, 2, -2] },
          { shape: [4], values: [-1, -1, 3, 3] },
        ],
        why: 'each quarter',
      },
    ],
    differentiable: true,
    tolerance: loose,
  }),
  unaryCheck('sinh', sinh, Math.sinh, {
    tails: [
      [1e-4, -1e-3, 0.02],
      [12, -15],
    ],
    more: composite,
  }),
  unaryCheck('cosh', cosh, Math.cosh, {
    tails: [
      [0, 1e-3],
      [12, -15],
    ],
    more: composite,
  }),
  unaryCheck('asinh', asinh, Math.asinh, {
    tails: [
      [1e-4, -1e-3, 0.02],
      [1e6, -1e8],
    ],
    more: composite,
  }),
  unaryCheck('acosh', acosh, Math.acosh, { input: { range: [1.1, 6] }, tails: [[1e6, 1e8]], more: composite }),
  unaryCheck('atanh', atanh, Math.atanh, { input: { range: [-0.9, 0.9] }, tails: [[1e-4, -1e-3]], more: composite }),
]
