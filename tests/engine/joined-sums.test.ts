import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  add,
  compile,
  type Device,
  exp,
  matmul,
  mul,
  profile,
  reshape,
  sum,
  type Tensor,
  tensor,
} from '../../src/index.ts'
import { openDevice } from '../../src/node.ts'

let device: Device

beforeAll(async () => {
  device = await openDevice()
})

afterAll(() => device?.close())

function matrix(rows: number, columns: number): Tensor {
  const values = Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(1 + 7 * i))
  return tensor(values, { shape: [rows, columns] })
}

/** The product of dy's transpose with x, and the sums of dy over its rows. */
function reference(rows: number, m: number, n: number): { dw: number[]; db: number[] } {
  const at = (i: number): number => Math.fround(Math.sin(1 + 7 * i))
  const over = (f: (r: number) => number): number =>
    Array.from({ length: rows }, (_, r) => f(r)).reduce((a, b) => a + b, 0)
  return {
    dw: Array.from({ length: m * n }, (_, i) => over((r) => at(r * m + Math.floor(i / n)) * at(r * n + (i % n)))),
    db: Array.from({ length: m }, (_, j) => over((r) => at(r * m + j))),
  }
}

function expectClose(values: ArrayLike<number>, wanted: readonly number[]): void {
  expect(values.length).toBe(wanted.length)
  const scale = Math.max(1, ...wanted.map(Math.abs))
  wanted.forEach((w, i) => {
    expect(Math.abs((values[i] as number) - w), `element ${i}`).toBeLessThan(1e-5 * scale)
  })
}

const gradients = (dy: Tensor, x: Tensor): { dw: Tensor; db: Tensor } => ({
  dw: matmul(dy, x, { transA: true }),
  db: sum(dy, 0),
})

async function kernels(fn: (dy: Tensor, x: Tensor) => Record<string, Tensor>): Promise<string[]> {
  const { rows } = await profile(compile(fn), matrix(12, 8), matrix(12, 20))
  return rows.map(({ op }) => op).sort()
}

describe('the sums of what a product reads', () => {
  test.each([
    [1, 1, 1],
    [5, 3, 7],
    [12, 8, 20],
    [17, 33, 20],
    [261, 9, 10],
    [70, 3, 12],
  ])('come with it: [%i, %i] and %i columns', async (rows, m, n) => {
    const step = compile(gradients)
    const inputs = [matrix(rows, m), matrix(rows, n)] as const
    await step(...inputs).dw.data()
    const work = Object.keys(device.variants.used()).find(
      (w) => w.includes('sums=true') && w.includes(`[${rows},${m}] f32[${rows},${n}]`),
    ) as string
    const { dw, db } = reference(rows, m, n)
    const offered = device.variants.offered()[work] as readonly string[]
    // The first of those in registers, which differ in their sizes alone.
    for (const name of offered.filter((n, i) => i === 0 || !/^tile-\dx\d-\d+x\d+$/.test(n))) {
      device.variants.pin({ [work]: name })
      const out = step(...inputs)
      expectClose(await out.dw.data(), dw)
      expectClose(await out.db.data(), db)
      expect(device.variants.used()[work]).toBe(name)
    }
  })

  test('take no dispatch of their own, whichever comes first', async () => {
    expect(await kernels(gradients)).toEqual(['matmul'])
    expect(await kernels((dy, x) => ({ db: sum(dy, 0), dw: matmul(dy, x, { transA: true }) }))).toEqual(['matmul'])
  })

  test('over several axes are those of the matrix that these are one axis of', async () => {
    const fn = (dy: Tensor, x: Tensor): Record<string, Tensor> => ({
      db: sum(reshape(dy, [3, 4, 8]), [0, 1], true),
      dw: matmul(dy, x, { transA: true }),
    })
    expect(await kernels(fn)).toEqual(['matmul'])
    expectClose(await compile(fn)(matrix(12, 8), matrix(12, 20)).db!.data(), reference(12, 8, 20).db)
  })

  test('stay by themselves where they are others', async () => {
    const alone = ['matmul', 'sum']
    expect(await kernels((dy, x) => ({ db: sum(dy, 1), dw: matmul(dy, x, { transA: true }) }))).toEqual(alone)
    expect(await kernels((dy, x) => ({ db: sum(dy), dw: matmul(dy, x, { transA: true }) }))).toEqual(alone)
    expect(await kernels((dy, x) => ({ db: sum(x, 0), dw: matmul(dy, x, { transA: true }) }))).toEqual(alone)
    expect(
      await kernels((dy, x) => ({ db: sum(reshape(dy, [3, 32]), 0), dw: matmul(dy, x, { transA: true }) })),
    ).toEqual(alone)
  })

  test('stay by themselves where the product is part of an expression, or made of them', async () => {
    const joined = (dy: Tensor, x: Tensor): Record<string, Tensor> => ({
      db: sum(dy, 0),
      dw: mul(matmul(dy, x, { transA: true }), 2),
    })
    expect(await kernels(joined)).toEqual(['matmul', 'sum'])
    const circle = (dy: Tensor, x: Tensor): Record<string, Tensor> => {
      const db = sum(dy, 0)
      return { db, dw: matmul(dy, add(x, exp(sum(db))), { transA: true }) }
    }
    expect(await kernels(circle)).toContain('sum')
    const { db, dw } = compile(circle)(matrix(12, 8), matrix(12, 20))
    expectClose(await db!.data(), reference(12, 8, 20).db)
    expect((await dw!.data()).every(Number.isFinite)).toBe(true)
  })
})
