import { beforeAll, describe, expect, test } from 'vitest'
import { hostLeaf } from '../../src/graph/leaf.ts'
import { layOut } from '../../src/graph/pack.ts'
import { runEffects, writeVariable } from '../../src/graph/realize.ts'
import { Tensor as TensorClass } from '../../src/graph/tensor.ts'
import { guarded } from '../../src/graph/trace.ts'
import { Variable } from '../../src/graph/variable.ts'
import {
  type CompileOptions,
  compile,
  type Device,
  detach,
  full,
  readAll,
  type Tensor,
  tensor,
  zeros,
} from '../../src/index.ts'
import { openDevice } from '../../src/node.ts'
import { Cell } from './cell.ts'

let device: Device

beforeAll(async () => {
  device = await openDevice()
})

const ways: readonly CompileOptions[] = [
  {},
  { debug: { reuse: false } },
  { debug: { poison: true } },
  { debug: { order: 3 }, verify: 1 },
]

function cell(name: string, ...rows: number[][]): Cell {
  return new Cell(tensor(rows), name)
}

async function values(...tensors: Tensor[]): Promise<number[][]> {
  return (await readAll(tensors)).map((v) => Array.from(v))
}

/** Moves variables into one buffer. */
function share(...cells: Cell[]): void {
  const { offsets, bytes } = layOut(cells.map((c) => c.variable))
  const arena = new Variable(zeros([bytes / 4]).value, 'arena', false)
  cells.forEach((c, i) => {
    c.variable.home(arena, offsets[i] as number)
  })
}

/** Runs effects as part of a compiled step, in every way, and at once. */
const runs: readonly (readonly [name: string, run: (fn: () => void) => void])[] = [
  ...ways.map((way) => [`in a step ${JSON.stringify(way)}`, (fn: () => void) => compile(fn, way)()] as const),
  ['outside of a step', runEffects],
]

describe.each(runs)('assigning %s', (_, run) => {
  test.each([false, true])('exchanges two variables; in one arena: %s', async (together) => {
    const [a, b] = [cell('a', [1, 2]), cell('b', [3, 4])]
    if (together) share(a, b)
    run(() => {
      const [x, y] = [a.now(), b.now()]
      a.assign(y)
      b.assign(x)
    })
    expect(await values(a, b)).toEqual([
      [3, 4],
      [1, 2],
    ])
  })

  test('rotates three', async () => {
    const cells = [cell('a', [1]), cell('b', [2]), cell('c', [3])] as const
    share(...cells)
    run(() => {
      const old = cells.map((c) => c.now())
      cells.forEach((c, i) => {
        c.assign((old[(i + 1) % 3] as Tensor).add(old[i] as Tensor))
      })
    })
    expect(await values(...cells)).toEqual([[3], [5], [4]])
  })

  test('transposes a variable, and multiplies it by itself', async () => {
    const a = cell('a', [1, 2], [3, 4])
    run(() => a.assign(a.transpose()))
    expect(await values(a)).toEqual([[1, 3, 2, 4]])
    run(() => a.assign(a.matmul(a)))
    expect(await values(a)).toEqual([[7, 15, 10, 22]])
    run(() => a.assign(a.sub(a.matmul(a).mul(0.5))))
    expect(await values(a)).toEqual([[-92.5, -202.5, -135, -295]])
  })

  test('reads the old value before, the new one after, and both again', async () => {
    const [a, b, c] = [cell('a', [1, 2]), cell('b', [0, 0]), cell('c', [0, 0])]
    share(a, b)
    run(() => {
      const before = a.mul(10)
      a.assign(a.add(1))
      b.assign(before.add(a))
      a.assign(a.mul(2))
      c.assign(a.add(before))
    })
    expect(await values(a, b, c)).toEqual([
      [4, 6],
      [12, 23],
      [14, 26],
    ])
  })

  test('puts one value in two variables', async () => {
    const [a, b, x] = [cell('a', [0, 0]), cell('b', [0, 0]), tensor([[5, 6]])]
    share(a, b)
    run(() => {
      const y = x.mul(2)
      a.assign(y)
      b.assign(y)
      a.assign(y.neg())
    })
    expect(await values(a, b)).toEqual([
      [-10, -12],
      [10, 12],
    ])
  })
})

test('variables that begin as equal constants may share an arena', async () => {
  const cells = ['a', 'b', 'c'].map((name) => new Cell(full([3], 1), name))
  share(...cells)
  expect(await values(...cells)).toEqual([
    [1, 1, 1],
    [1, 1, 1],
    [1, 1, 1],
  ])
})

describe('what was read before a write', () => {
  test('keeps its value through steps, assignments, writes and moves', async () => {
    const a = new Cell(tensor([1, 2]).mul(2), 'a')
    const lazy = [a.mul(10)]
    const other = cell('other', [0])
    share(a, other)
    lazy.push(a.mul(10))
    const step = compile(() => a.assign(a.add(1)))
    step()
    lazy.push(a.mul(10))
    step()
    lazy.push(a.mul(10))
    writeVariable(a.variable, Float32Array.of(7, 8).buffer)
    lazy.push(a.mul(10))
    runEffects(() => a.assign(a.neg()))
    lazy.push(a.mul(10))
    expect(await values(...lazy, a)).toEqual([
      [20, 40],
      [20, 40],
      [30, 50],
      [40, 60],
      [70, 80],
      [-70, -80],
      [-7, -8],
    ])
  })

  test('may be what is assigned', async () => {
    const a = cell('a', [1, 2])
    const old = a.mul(3)
    runEffects(() => a.assign(old.add(a)))
    expect(await values(a, old)).toEqual([
      [4, 8],
      [3, 6],
    ])
  })

  test('is held by a step as it was, whether it was read by then or not', async () => {
    const a = new Cell(tensor([1, 2]).mul(1), 'a')
    const held = detach(a).mul(10)
    const step = compile(
      () => {
        a.assign(a.add(1))
        return held.add(a)
      },
      { verify: 1 },
    )
    expect(await values(step())).toEqual([[12, 23]])
    expect(await values(held)).toEqual([[10, 20]])
    expect(await values(step(), held)).toEqual([
      [13, 24],
      [10, 20],
    ])
  })

  test('does not pile up in a variable that only is read', async () => {
    const a = cell('a', [1, 2])
    await a.data()
    for (let i = 0; i < 200; i++) await a.mul(2).data()
    expect(a.value.pending?.length).toBeLessThan(100)
  })
})

test('outputs of a step keep their values for as long as the ring goes round, and lazily beyond', async () => {
  const a = cell('a', [0])
  const step = compile(
    () => {
      a.assign(a.add(1))
      return { a: a.now(), twice: a.mul(2).reshape([1]) }
    },
    { ring: 4 },
  )
  const outs = Array.from({ length: 4 }, () => step())
  expect((outs[0] as { twice: Tensor }).twice.shape).toEqual([1])
  const late = outs.map((o) => o.a.add(o.twice))
  for (let i = 0; i < 3; i++) step()
  expect(await values(...late)).toEqual([[3], [6], [9], [12]])
  expect(await (outs[3] as { a: Tensor }).a.item()).toBe(4)
  await expect((outs[2] as { a: Tensor }).a.item()).rejects.toThrow(/output of step 2, which step 6 has overwritten/)
})

test('a step takes its own outputs, its variables and lazy tensors as arguments', async () => {
  const a = cell('a', [1, 2])
  const step = compile(
    (x: Tensor) => {
      const y = x.add(a)
      a.assign(y)
      return y.mul(10)
    },
    { ring: 1 },
  )
  const first = step(a)
  const second = step(first)
  expect(await values(second, a)).toEqual([
    [220, 440],
    [22, 44],
  ])
  expect(await values(step(second.add(a)))).toEqual([[2640, 5280]])
})

test('numbers of the host are data: each step takes what they are by then', async () => {
  let rate = 0.5
  const step = compile((x: Tensor) => x.mul(new TensorClass(hostLeaf(device, 'f32', () => [rate]))), { verify: 1 })
  const out = [step(tensor([2, 4]))]
  rate = 0.25
  out.push(step(tensor([2, 4])))
  rate = 8
  out.push(step(tensor([2, 4])))
  expect(await values(...out)).toEqual([
    [1, 2],
    [0.5, 1],
    [16, 32],
  ])
})

test('a guarded fact that changes makes another plan, and the first one is found again', async () => {
  let training = true
  let traces = 0
  const step = compile((x: Tensor) => {
    traces++
    return guarded('training', () => training) ? x.mul(2) : x.add(100)
  })
  const x = tensor([1, 2])
  const out = [step(x)]
  training = false
  out.push(step(x))
  training = true
  out.push(step(x), step(x))
  expect(await values(...out)).toEqual([
    [2, 4],
    [101, 102],
    [2, 4],
    [2, 4],
  ])
  expect(traces).toBe(2)
})

test('a step is traced once for each combination of argument specs', async () => {
  let traces = 0
  const step = compile((x: Tensor) => {
    traces++
    return x.sum()
  })
  for (const n of [3, 2, 3, 2]) expect(await step(tensor(new Float32Array(n).fill(1))).item()).toBe(n)
  expect(await step(tensor([1, 2], { dtype: 'i32' })).item()).toBe(3)
  expect(traces).toBe(3)
})
