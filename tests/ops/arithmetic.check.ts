import {
  add,
  clamp,
  div,
  equal,
  greater,
  greaterEqual,
  less,
  lessEqual,
  logicalAnd,
  logicalNot,
  logicalOr,
  logicalXor,
  maximum,
  minimum,
  mul,
  neg,
  notEqual,
  onesLike,
  pow,
  sub,
  type Tensor,
  where,
  zerosLike,
} from '../../src/index.ts'
import { defineCheck, type InputSpec, type OpCheck, type Sample } from './check.ts'
import { elementwise } from './reference.ts'

type Binary = (a: Tensor | number, b: Tensor | number) => Tensor

/** A number in the place of an operand. */
interface Scalars {
  readonly left?: number
  readonly right?: number
}

/** Broadcasting in both operands and in neither, numbers on both sides. */
function shapes(a: Omit<InputSpec, 'shape'>, b: Omit<InputSpec, 'shape'>): Sample<Scalars>[] {
  return [
    {
      inputs: [
        { ...a, shape: [3, 5] },
        { ...b, shape: [5] },
      ],
    },
    {
      inputs: [
        { ...a, shape: [4, 1, 2] },
        { ...b, shape: [3, 1] },
      ],
    },
    {
      inputs: [
        { ...a, shape: [] },
        { ...b, shape: [2, 3] },
      ],
    },
    { inputs: [{ ...a, shape: [7] }], attrs: { right: 3 } },
    { inputs: [{ ...b, shape: [7] }], attrs: { left: 2 } },
  ]
}

function binary(
  op: string,
  f: Binary,
  value: (a: number, b: number) => number,
  samples: readonly Sample<Scalars>[],
  more: Partial<OpCheck<Scalars>> = {},
): OpCheck {
  return defineCheck<Scalars>({
    op,
    call: ([a, b], { left, right } = {}) => f(left ?? a!, left === undefined ? (right ?? b!) : a!),
    reference: (inputs, { left, right } = {}) =>
      elementwise(inputs, ([a = 0, b = 0]) => (left === undefined ? value(a, right ?? b) : value(left, a))),
    samples,
    differentiable: true,
    ...more,
  })
}

const whole = (dtype: 'i32' | 'u32', a: readonly number[], b: readonly number[]): Sample<Scalars>[] => [
  {
    inputs: [
      { shape: [2, a.length], dtype, values: a },
      { shape: [b.length], dtype, values: b },
    ],
  },
]
const signed = whole('i32', [7, -7, 8, -8, 0, 2147483647], [2, 2, -3, 3, 5, 1])
const unsigned = whole('u32', [7, 9, 4294967295, 5], [7, 2, 4294967294, 1])
const ties: Sample<Scalars>[] = [
  {
    inputs: [
      { shape: [6], values: [1, 2, 3, -1, 0, 5] },
      { shape: [6], values: [2, 2, 1, -1, 0, 9] },
    ],
    why: 'equal operands share the gradient',
  },
]

const comparisons = (
  [
    ['equal', equal, (a, b) => a === b],
    ['notEqual', notEqual, (a, b) => a !== b],
    ['less', less, (a, b) => a < b],
    ['lessEqual', lessEqual, (a, b) => a <= b],
    ['greater', greater, (a, b) => a > b],
    ['greaterEqual', greaterEqual, (a, b) => a >= b],
  ] as const satisfies readonly (readonly [string, Binary, (a: number, b: number) => boolean])[]
).map(([name, f, holds]) =>
  binary(
    name,
    f,
    (a, b) => Number(holds(a, b)),
    [
      {
        inputs: [
          { shape: [3, 4], values: [0, 1, 2, -1, 1.5] },
          { shape: [4], values: [1, 0, 2, -1] },
        ],
      },
      { inputs: [{ shape: [5], values: [-2, 0, 1, 2, 3], dtype: 'i32' }], attrs: { right: 1 } },
      ...unsigned,
    ],
    { differentiable: false },
  ),
)

const logics = (
  [
    ['logicalAnd', logicalAnd, (a, b) => a && b],
    ['logicalOr', logicalOr, (a, b) => a || b],
    ['logicalXor', logicalXor, (a, b) => Number(a !== b)],
  ] as const satisfies readonly (readonly [
    string,
    (a: Tensor, b: Tensor) => Tensor,
    (a: number, b: number) => number,
  ])[]
).map(([op, f, value]) =>
  defineCheck({
    op,
    call: ([a, b]) => f(a!, b!),
    reference: (inputs) => elementwise(inputs, ([a = 0, b = 0]) => value(a, b)),
    samples: [
      {
        inputs: [
          { shape: [2, 4], dtype: 'bool', values: [0, 0, 1, 1] },
          { shape: [4], dtype: 'bool', values: [0, 1, 0, 1] },
        ],
      },
    ],
    differentiable: false,
    fails: [
      { inputs: [[2], [2]], message: `${op}: a is f32 and b is f32; it must be bool: compare first` },
      {
        inputs: [{ shape: [2], dtype: 'bool' }, [2]],
        message: `${op}: a is bool and b is f32; dtypes must agree: convert one with cast`,
      },
    ],
  }),
)

export const arithmeticChecks: readonly OpCheck[] = [
  binary('add', add, (a, b) => a + b, [...shapes({}, {}), ...whole('i32', [1, -5], [2, 3])], {
    fails: [
      {
        inputs: [[3, 5], [4]],
        message: 'add: a is [3, 5] and b is [4]; shapes must be equal, or 1, from the last axis backwards',
      },
      {
        inputs: [[3], { shape: [3], dtype: 'i32' }],
        message: 'add: a is f32 and b is i32; dtypes must agree: convert one with cast',
      },
      {
        inputs: [
          { shape: [3], dtype: 'bool' },
          { shape: [3], dtype: 'bool' },
        ],
        message: 'add: a is bool and b is bool; it must be a number: convert it with cast',
      },
      {
        inputs: [{ shape: [3], dtype: 'i32' }],
        attrs: { right: 1.5 },
        message: 'constant: 1.5 met a tensor of i32; give a whole number, or cast the tensor to f32',
      },
    ],
  }),
  binary('sub', sub, (a, b) => a - b, [...shapes({}, {}), ...whole('i32', [1, -5], [2, -3]), ...unsigned]),
  binary('mul', mul, (a, b) => a * b, [...shapes({}, {}), ...whole('i32', [1, -5], [2, 3])]),
  binary('div', div, (a, b) => a / b, shapes({ range: [0.5, 2] }, { range: [-3, -0.5] })),
  binary('div of integers', div, (a, b) => Math.trunc(a / b), [...signed, ...unsigned], { differentiable: false }),
  binary('pow', pow, (a, b) => a ** b, [
    ...shapes({ range: [0.2, 2] }, {}),
    { inputs: [[5]], attrs: { right: 2 }, why: 'a product' },
    { inputs: [[5]], attrs: { right: 1 }, why: 'nothing to do' },
    { inputs: [{ shape: [5], range: [0.5, 2] }], attrs: { right: 0.5 } },
  ]),
  binary(
    'pow of negative numbers',
    pow,
    (a, b) => a ** b,
    [
      {
        inputs: [
          { shape: [6, 1], values: [-1.5, -0.5, -2, 0.5, 2, -1] },
          { shape: [7], values: [0, 1, 2, 3, -1, -2, -3] },
        ],
      },
      {
        inputs: [
          { shape: [3], values: [0, 0, 0] },
          { shape: [3], values: [1, 2, 3] },
        ],
        why: 'base 0',
      },
      { inputs: [[5]], attrs: { right: 3 } },
    ],
    { differentiable: [0] },
  ),
  binary('maximum', maximum, Math.max, [...shapes({ step: 0.13 }, { step: 0.11 }), ...ties, ...signed, ...unsigned]),
  binary('minimum', minimum, Math.min, [...shapes({ step: 0.13 }, { step: 0.11 }), ...ties, ...signed, ...unsigned]),
  ...comparisons,
  ...logics,
  defineCheck({
    op: 'logicalNot',
    call: ([x]) => logicalNot(x!),
    reference: (inputs) => elementwise(inputs, ([x]) => (x ? 0 : 1)),
    samples: [{ inputs: [{ shape: [3, 3], dtype: 'bool' }] }],
    differentiable: false,
  }),
  defineCheck({
    op: 'neg',
    call: ([x]) => neg(x!),
    reference: (inputs) => elementwise(inputs, ([x = 0]) => 0 - x),
    samples: [
      { inputs: [[]], why: 'a scalar' },
      { inputs: [[1]] },
      { inputs: [[7]] },
      ...[31, 32, 33, 63, 64, 65, 129].map((n) => ({ inputs: [[n]] })),
      { inputs: [[0, 3]], why: 'no elements' },
      { inputs: [{ shape: [4], dtype: 'i32', values: [0, 5, -5, 2147483647] }] },
    ],
    differentiable: true,
  }),
  defineCheck({
    op: 'neg of a second grid row',
    call: ([x]) => neg(x!),
    reference: ([x]) => ({ shape: x!.shape, data: x!.data.map((v) => -v) }),
    samples: [{ inputs: [{ shape: [65535 * 64 + 70], values: [1, 2, 3, 5, 7] }], forwardOnly: true }],
    differentiable: false,
  }),
  defineCheck({
    op: 'where',
    call: ([c, a, b]) => where(c!, a!, b!),
    reference: (inputs) => elementwise(inputs, ([c, a = 0, b = 0]) => (c ? a : b)),
    samples: [
      { inputs: [{ shape: [3, 4], dtype: 'bool' }, [3, 4], [3, 4]] },
      { inputs: [{ shape: [4], dtype: 'bool' }, [3, 1], []] },
      {
        inputs: [
          { shape: [2, 1], dtype: 'bool', values: [0, 1] },
          { shape: [3], dtype: 'bool' },
          { shape: [3], dtype: 'bool' },
        ],
      },
      {
        inputs: [
          { shape: [2, 3], dtype: 'bool' },
          { shape: [3], dtype: 'i32' },
          { shape: [2, 1], dtype: 'i32' },
        ],
      },
    ],
    differentiable: true,
    fails: [
      { inputs: [[2], [2], [2]], message: 'where: condition is f32; it must be bool' },
      {
        inputs: [{ shape: [2], dtype: 'bool' }, [2], { shape: [2], dtype: 'i32' }],
        message: 'where: a is f32 and b is i32; both must have one dtype',
      },
    ],
  }),
  defineCheck<{ low: number; high: number }>({
    op: 'clamp',
    call: ([x], { low, high }) => clamp(x!, low, high),
    reference: (inputs, { low, high }) => elementwise(inputs, ([x = 0]) => Math.min(Math.max(x, low), high)),
    samples: [
      { inputs: [{ shape: [4, 5], step: 0.2 }], attrs: { low: -1.05, high: 1.25 } },
      { inputs: [{ shape: [9], dtype: 'i32' }], attrs: { low: -2, high: 3 } },
    ],
    differentiable: true,
    fails: [
      {
        inputs: [[2]],
        attrs: { low: 1, high: 0 },
        message: 'clamp: low is 1 and high is 0; low must not be above high',
      },
    ],
  }),
  defineCheck({
    op: 'zerosLike, onesLike',
    call: ([x]) => [zerosLike(x!), onesLike(x!), add(x!, onesLike(x!))],
    reference: (inputs) => [0, 1, 2].map((k) => elementwise(inputs, ([x = 0]) => (k === 2 ? x + 1 : k))),
    samples: [{ inputs: [{ shape: [2, 3], dtype: 'i32' }] }, { inputs: [[0]] }],
    differentiable: false,
  }),
]
