import { beforeAll, expect, test } from 'vitest'
import { layOut, packOp } from '../../src/graph/pack.ts'
import { call1 } from '../../src/graph/tensor.ts'
import { type CompileOptions, compile, concat, type Tensor, tensor } from '../../src/index.ts'
import { openDevice } from '../../src/node.ts'

beforeAll(async () => {
  await openDevice()
})

const n = 48

/** Whole numbers from -3 to 3, so that every order of summing gives the same. */
function numbers(seed: number): Tensor {
  return tensor(
    Float32Array.from({ length: n * n }, (_, i) => ((i * seed + (i >> 3)) % 7) - 3),
    { shape: [n, n] },
  )
}

const ways: readonly CompileOptions[] = [
  { debug: { reuse: false } },
  {},
  { debug: { poison: true } },
  ...[1, 2, 3, 4].map((order) => ({ debug: { order, poison: true } })),
]

/** Values that change places, are read long after, and die at once. */
function work(x: Tensor, w: Tensor): Tensor[] {
  const a = x.matmul(w)
  const b = a.transpose().matmul(w)
  const c = b.slice([[-1, null, -1]]).matmul(x)
  const d = concat([c.slice([[1, n]]), c.slice([[0, 1]])]).matmul(w)
  const e = d.relu().sub(b).matmul(x)
  return [e.mul(0.5), d.sum(0), e.transpose().add(c)]
}

test('the bits are the same with memory reused or not, poisoned, and in any order', async () => {
  const [x, w] = [numbers(3), numbers(5)]
  const results: string[] = []
  for (const way of ways) {
    const out = compile((a: Tensor, b: Tensor) => work(a, b), way)(x, w)
    const data = await Promise.all(out.map((t) => t.data()))
    results.push(data.map((d) => Buffer.from(d.buffer).toString('base64')).join())
  }
  expect(new Set(results).size).toBe(1)
})

test('a pack holds each value at its offset and zeros between, in any order', async () => {
  for (const way of ways) {
    const step = compile((x: Tensor) => {
      const y = x.mul(2)
      const parts = [y, x.add(y).sum(), y.reshape([3, 1]), x, x.matmul(x.reshape([3, 1]))]
      const { offsets, bytes } = layOut(parts)
      return call1(packOp, parts, { offsets, elements: bytes / 4 })
        .mul(1.5)
        .add(0.5)
    }, way)
    const data = Array.from(await step(tensor([1, 2, 3])).data())
    expect(data).toHaveLength(5 * 64)
    const held = [0, 1, 2, 3, 4].map((i) => data.slice(64 * i, 64 * i + 4))
    expect(held).toEqual([
      [3.5, 6.5, 9.5, 0.5],
      [27.5, 0.5, 0.5, 0.5],
      [3.5, 6.5, 9.5, 0.5],
      [2, 3.5, 5, 0.5],
      [21.5, 0.5, 0.5, 0.5],
    ])
  }
})
