import fc from 'fast-check'
import { expect, test } from 'vitest'
import { buildPlan } from '../../src/graph/plan.ts'
import { traceFunction } from '../../src/graph/traced.ts'
import {
  add,
  compile,
  matmul,
  mul,
  setDefaultDevice,
  silu,
  spec,
  sum,
  type Tensor,
  tanh,
  tensor,
} from '../../src/index.ts'
import { openDevice } from '../../src/node.ts'
import { fakeDevice } from './fake-device.ts'

const side = 4
type Matrix = readonly number[]

/** An op of two [4, 4] matrices, and the same in double precision. */
interface Kind {
  tensor(a: Tensor, b: Tensor): Tensor
  matrix(a: Matrix, b: Matrix): number[]
}

const squash = (v: number): number => v / (1 + Math.exp(-v))

const kinds: readonly Kind[] = [
  {
    tensor: (a, b) => mul(matmul(a, b), 0.25),
    matrix: (a, b) =>
      a.map((_, i) => {
        const [m, n] = [Math.floor(i / side), i % side]
        let total = 0
        for (let k = 0; k < side; k++) total += (a[m * side + k] as number) * (b[k * side + n] as number)
        return total / 4
      }),
  },
  { tensor: (a, b) => tanh(add(a, b)), matrix: (a, b) => a.map((v, i) => Math.tanh(v + (b[i] as number))) },
  { tensor: (a, b) => mul(silu(a), b), matrix: (a, b) => a.map((v, i) => squash(v) * (b[i] as number)) },
  { tensor: (a) => silu(a), matrix: (a) => a.map(squash) },
  {
    tensor: (a, b) => add(a, mul(sum(b, 1, true), 0.25)),
    matrix: (a, b) =>
      a.map((v, i) => {
        const row = Math.floor(i / side) * side
        return v + b.slice(row, row + side).reduce((p, q) => p + q) / 4
      }),
  },
  {
    tensor: (a, b) => add(a.transpose(), b),
    matrix: (a, b) => b.map((v, i) => v + (a[(i % side) * side + Math.floor(i / side)] as number)),
  },
]

/** Ops, each of two results before it, with products the most frequent; and which results are wanted besides the last. */
const steps = fc.array(
  fc.record({
    kind: fc.constantFrom(0, 0, 0, 1, 2, 2, 3, 4, 5, 5),
    a: fc.nat(),
    b: fc.nat(),
    isWanted: fc.integer({ min: 0, max: 5 }).map((n) => n === 1),
  }),
  { minLength: 6, maxLength: 16 },
)
type Steps = typeof steps extends fc.Arbitrary<infer T> ? T : never

/** The results that are wanted of steps which begin with two values. */
function run<T>(list: Steps, first: readonly [T, T], apply: (kind: Kind, a: T, b: T) => T): T[] {
  const values: T[] = [...first]
  const wanted: T[] = []
  list.forEach(({ kind, a, b, isWanted }, i) => {
    // Of the last few, so that most are needed.
    const recent = values.slice(-3)
    const made = apply(kinds[kind] as Kind, recent[a % recent.length] as T, recent[b % recent.length] as T)
    values.push(made)
    if (isWanted || i === list.length - 1) wanted.push(made)
  })
  return wanted
}

const named = (list: readonly Tensor[]): Record<string, Tensor> => Object.fromEntries(list.map((t, i) => [`y${i}`, t]))

test('whatever joins a kernel, there is an order, and no dispatch binds too many buffers', () => {
  fc.assert(
    fc.property(steps, fc.constantFrom(8, 10), (list, buffers) => {
      const { device } = fakeDevice({}, { maxStorageBuffersPerShaderStage: buffers })
      setDefaultDevice(device)
      const fn = (x: Tensor, y: Tensor): Record<string, Tensor> =>
        named(run(list, [x, y], (kind, a, b) => kind.tensor(a, b)))
      const { program } = traceFunction(device, fn as never, [spec([side, side]), spec([side, side])])
      const plan = buildPlan(program, { reuse: true, poison: false, outputs: 'slots' })
      for (const { bindings } of plan.steps) expect(bindings.length).toBeLessThanOrEqual(buffers)
    }),
    { numRuns: 300, seed: 5 },
  )
})

test('and the values are those of the ops one by one', async () => {
  setDefaultDevice(await openDevice())
  const first = [0.7, 1.9].map((speed) => Array.from({ length: side ** 2 }, (_, i) => Math.sin(speed * (i + 1)))) as [
    number[],
    number[],
  ]
  const given = first.map((v) => tensor(Float32Array.from(v), { shape: [side, side] })) as [Tensor, Tensor]
  await fc.assert(
    fc.asyncProperty(steps, async (list) => {
      const expected = run<Matrix>(list, first, (kind, a, b) => kind.matrix(a, b))
      const step = compile((x: Tensor, y: Tensor) => named(run(list, [x, y], (kind, a, b) => kind.tensor(a, b))))
      const got = await Promise.all(Object.values(step(...given)).map((t) => t.data()))
      got.forEach((values, k) => {
        values.forEach((v: number, i: number) => {
          expect(v).toBeCloseTo((expected[k] as Matrix)[i] as number, 3)
        })
      })
    }),
    { numRuns: 40, seed: 3 },
  )
})
