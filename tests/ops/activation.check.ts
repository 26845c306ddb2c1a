import {
  celu,
  elu,
  hardsigmoid,
  hardswish,
  logSigmoid,
  mish,
  prelu,
  relu6,
  selu,
  softsign,
  type Tensor,
} from '../../src/index.ts'
import { defineCheck, type OpCheck } from './check.ts'
import { elementwise } from './reference.ts'
import { type UnaryOptions, unaryCheck } from './unary-check.ts'

const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))
const six = (x: number): number => Math.min(Math.max(x, 0), 6)
const kinks = { input: { step: 0.37 } }

/** A composite, whose errors are those of its parts. */
function composite(
  op: string,
  f: (x: Tensor) => Tensor,
  value: (x: number) => number,
  options: UnaryOptions = {},
): OpCheck {
  return unaryCheck(op, f, value, { ...options, more: { fails: [], ...options.more } })
}

export const activationChecks: readonly OpCheck[] = [
  composite(
    'elu',
    (x) => elu(x, 1.5),
    (x) => (x > 0 ? x : 1.5 * Math.expm1(x)),
    {
      tails: [
        [-200, 100],
        [-1e-4, -0.05, -0.2],
      ],
    },
  ),
  composite(
    'celu',
    (x) => celu(x, 2),
    (x) => (x > 0 ? x : 2 * Math.expm1(x / 2)),
    {
      tails: [[-500, 100], [-1e-4]],
      more: {
        fails: [
          {
            call: ([x]) => celu(x!, 0),
            inputs: [[2]],
            message: 'celu: alpha is 0; it must be a positive number',
          },
        ],
      },
    },
  ),
  composite('selu', selu, (x) => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * Math.expm1(x)), {
    input: { step: 0.1 },
  }),
  composite('mish', mish, (x) => x * Math.tanh(softplus(x)), {
    tails: [
      [30, 90],
      [-6, -4],
      [-100, 2],
    ],
  }),
  composite('relu6', relu6, six, kinks),
  composite('hardsigmoid', hardsigmoid, (x) => six(x + 3) / 6, kinks),
  composite('hardswish', hardswish, (x) => (x * six(x + 3)) / 6, kinks),
  composite('logSigmoid', logSigmoid, (x) => -softplus(-x), {
    tails: [
      [-90, -20],
      [12, 15],
    ],
  }),
  unaryCheck('softsign', softsign, (x) => x / (1 + Math.abs(x)), {
    tails: [
      [-1e4, 1e4],
      [1e-4, -1e-3],
    ],
  }),
  defineCheck({
    op: 'prelu',
    call: ([x, weight]) => prelu(x!, weight!),
    reference: (inputs) => elementwise(inputs, ([x = 0, w = 0]) => (x > 0 ? x : w * x)),
    samples: [
      { inputs: [{ shape: [3, 5], step: 0.1 }, [5]], why: 'a weight for each channel' },
      { inputs: [{ shape: [2, 3, 2], step: 0.1 }, [1]], why: 'one weight' },
    ],
    differentiable: true,
    fails: [
      {
        inputs: [[3, 5], [3]],
        message: 'prelu: x is [3, 5] and weight is [3]; weight must be [1] or as long as the last axis of x',
      },
    ],
  }),
]
