import { matmul, type Tensor } from '../../src/index.ts'
import { defineCheck, type OpCheck, type Ref, type Sample } from './check.ts'
import { broadcastShape, coordinates, count, elementwise, position } from './reference.ts'

interface Trans {
  readonly transA?: boolean
  readonly transB?: boolean
}

/** The product in plain loops; vectors are a row on the left and a column on the right. */
function product(a: Ref, b: Ref, { transA = false, transB = false }: Trans = {}): Ref {
  const left = a.shape.length === 1 ? { shape: [1, ...a.shape], data: a.data } : a
  const right = b.shape.length === 1 ? { shape: [...b.shape, 1], data: b.data } : b
  const [ar, ac] = left.shape.slice(-2) as [number, number]
  const [br, bc] = right.shape.slice(-2) as [number, number]
  const isAcross = transA && a.shape.length > 1
  const isDown = transB && b.shape.length > 1
  const [m, k] = isAcross ? [ac, ar] : [ar, ac]
  const n = isDown ? br : bc
  const batch = broadcastShape([left.shape.slice(0, -2), right.shape.slice(0, -2)])
  const data = new Float64Array(count(batch) * m * n)
  for (let t = 0; t < count(batch); t++) {
    const where = coordinates(batch, t)
    const aFrom = position(left.shape.slice(0, -2), where) * ar * ac
    const bFrom = position(right.shape.slice(0, -2), where) * br * bc
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let total = 0
        for (let x = 0; x < k; x++) {
          const av = left.data[aFrom + (isAcross ? x * ac + i : i * ac + x)] as number
          const bv = right.data[bFrom + (isDown ? j * bc + x : x * bc + j)] as number
          total += av * bv
        }
        data[(t * m + i) * n + j] = total
      }
    }
  }
  const shape = [...batch, ...(a.shape.length === 1 ? [] : [m]), ...(b.shape.length === 1 ? [] : [n])]
  return { shape, data }
}

function sizes(list: readonly (readonly [m: number, k: number, n: number])[], attrs: Trans = {}): Sample<Trans>[] {
  return list.map(([m, k, n]) => ({
    inputs: [attrs.transA ? [k, m] : [m, k], attrs.transB ? [n, k] : [k, n]],
    attrs,
  }))
}

function check(op: string, samples: readonly Sample<Trans>[], more: Partial<OpCheck<Trans>> = {}): OpCheck {
  return defineCheck<Trans>({
    op,
    call: ([a, b], attrs) => matmul(a!, b!, attrs),
    reference: ([a, b], attrs) => product(a!, b!, attrs),
    samples,
    differentiable: true,
    ...more,
  })
}

const forward = (samples: readonly Sample<Trans>[]): Sample<Trans>[] =>
  samples.map((s) => ({ ...s, forwardOnly: true }))

export const matmulChecks: readonly OpCheck[] = [
  check(
    'matmul',
    [
      ...sizes([
        [1, 1, 1],
        [3, 5, 7],
        [4, 8, 4],
        [5, 3, 9],
        [16, 16, 16],
        [17, 33, 15],
      ]),
      ...forward(
        sizes([
          [1, 64, 3],
          [8, 7, 8],
          [9, 4, 31],
          [32, 31, 33],
          [33, 32, 32],
          [65, 20, 66],
        ]),
      ),
      {
        inputs: [
          [3, 0],
          [0, 4],
        ],
        why: 'nothing to add',
        forwardOnly: true,
      },
      {
        inputs: [
          [0, 3],
          [3, 4],
        ],
        why: 'no rows',
      },
    ],
    {
      fails: [
        {
          inputs: [
            [2, 3],
            [4, 5],
          ],
          message: "matmul: a is [2, 3] and b is [4, 5]; a's last axis (3) must equal b's second-to-last (4)",
        },
        {
          inputs: [
            [2, 3],
            [3, 4],
          ],
          attrs: { transB: true },
          message: "matmul: a is [2, 3] and b is [3, 4] transposed; a's last axis (3) must equal b's last (4)",
        },
        {
          inputs: [[], [3, 4]],
          message: 'matmul: a is [] and b is [3, 4]; both need at least one axis; use mul for numbers',
        },
        {
          inputs: [
            [2, 3, 4],
            [3, 4, 5],
          ],
          message: 'matmul: a is [2, 3, 4] and b is [3, 4, 5]; the axes before the last two must be equal or 1',
        },
        {
          inputs: [{ shape: [2, 2], dtype: 'i32' }, [2, 2]],
          message: 'matmul: a is i32; it must be f32 or f16',
        },
      ],
    },
  ),
  ...([{ transA: true }, { transB: true }, { transA: true, transB: true }] satisfies Trans[]).map((attrs) =>
    check(`matmul ${Object.keys(attrs).join(', ')}`, [
      ...sizes(
        [
          [3, 5, 7],
          [12, 16, 20],
        ],
        attrs,
      ),
      ...forward(
        sizes(
          [
            [1, 1, 1],
            [17, 33, 15],
            [33, 9, 34],
          ],
          attrs,
        ),
      ),
    ]),
  ),
  check('matmul of batches', [
    {
      inputs: [
        [3, 4, 5],
        [3, 5, 2],
      ],
    },
    {
      inputs: [
        [2, 1, 4, 3],
        [3, 3, 5],
      ],
      why: 'batch axes broadcast in both',
    },
    {
      inputs: [
        [3, 4],
        [2, 4, 5],
      ],
      why: 'one left matrix for all',
    },
    {
      inputs: [
        [2, 3, 4],
        [4, 5],
      ],
      why: 'one right matrix for all',
    },
    {
      inputs: [
        [2, 4, 3],
        [4, 5],
      ],
      attrs: { transA: true },
    },
    {
      inputs: [
        [2, 3, 4],
        [2, 5, 4],
      ],
      attrs: { transB: true },
    },
    {
      inputs: [
        [2, 4, 12],
        [2, 12, 20],
      ],
      forwardOnly: true,
    },
    {
      inputs: [
        [5, 17, 9],
        [5, 9, 18],
      ],
      forwardOnly: true,
    },
    {
      inputs: [
        [0, 3, 4],
        [0, 4, 5],
      ],
      why: 'no batches',
    },
  ]),
  check('matmul of vectors', [
    { inputs: [[5], [5]], why: 'a dot product' },
    { inputs: [[5], [5, 3]] },
    { inputs: [[4, 5], [5]] },
    { inputs: [[2, 4, 5], [5]] },
    { inputs: [[5], [2, 5, 3]] },
    { inputs: [[5], [3, 5]], attrs: { transB: true } },
    { inputs: [[5, 4], [5]], attrs: { transA: true } },
  ]),
  check(
    'matmul with the kernels for a GPU',
    forward([
      {
        inputs: [
          [9, 17],
          [9, 21],
        ],
        attrs: { transA: true },
        why: 'tiles in shared memory',
      },
      {
        inputs: [
          [2, 12, 16],
          [20, 16],
        ],
        attrs: { transB: true },
        why: 'loads of four',
      },
      {
        inputs: [
          [2, 5],
          [5, 40],
        ],
        why: 'registers alone',
      },
      {
        inputs: [
          [2, 130],
          [130, 40],
        ],
        why: 'threads that share a sum',
      },
      {
        inputs: [
          [44, 66],
          [3, 66],
        ],
        attrs: { transB: true },
        why: 'neighbours that share a sum',
      },
      {
        inputs: [
          [2, 261, 9],
          [261, 12],
        ],
        attrs: { transA: true },
        why: 'parts of the inner axis',
      },
      {
        inputs: [
          [64, 32],
          [32, 64],
        ],
        why: 'tiles that fit exactly',
      },
    ]),
    { kernels: ['gpu'] },
  ),
  defineCheck({
    op: 'matmul in expressions',
    call: ([x, w, b]: Tensor[]) => matmul(x!.mul(2), w!.exp()).add(b!).tanh().mul(b!),
    reference: ([x, w, b]) => {
      const y = product(
        elementwise([x!], ([v = 0]) => 2 * v),
        elementwise([w!], ([v = 0]) => Math.exp(v)),
      )
      return elementwise([y, b!], ([v = 0, c = 0]) => Math.tanh(v + c) * c)
    },
    samples: [{ inputs: [[7, 5], [5, 9], [9]] }],
    differentiable: true,
  }),
]
