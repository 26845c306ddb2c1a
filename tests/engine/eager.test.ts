import { afterEach, beforeAll, expect, test, vi } from 'vitest'
import { Instance } from '../../src/graph/instance.ts'
import { type Device, detach, grad, noGrad, readAll, type Tensor, tensor } from '../../src/index.ts'
import { openDevice } from '../../src/node.ts'
import { Cell } from './cell.ts'
import { sweep } from './garbage.ts'

let device: Device

beforeAll(async () => {
  device = await openDevice()
})

afterEach(() => vi.restoreAllMocks())

const of = (...values: number[]): Tensor => tensor(values)

test('a plan is found again by structure, whatever the data, and not for another structure', async () => {
  const compiled = vi.spyOn(Instance.prototype, 'compile')
  const work = (a: Tensor): Tensor => a.mul(3).sub(a.relu()).sum()
  expect(await work(of(1, 2, -3)).item()).toBe(-3)
  const first = compiled.mock.calls.length
  expect(first).toBeGreaterThan(0)
  expect(await work(of(4, -5, 6)).item()).toBe(5)
  expect(await work(of(7, 8, 9)).item()).toBe(48)
  expect(compiled.mock.calls.length).toBe(first)
  expect(await work(of(1, 2, 3, 4)).item()).toBe(20)
  expect(
    await of(1, 2, 3)
      .mul(4)
      .sub(of(1, 2, 3).relu())
      .sum()
      .item(),
  ).toBe(18)
  expect(compiled.mock.calls.length).toBe(first + 2)
})

test('numbers and axes are a part of the structure', async () => {
  const x = tensor([
    [1, 2],
    [3, 4],
  ])
  expect(await x.mul(3).data()).toEqual(Float32Array.of(3, 6, 9, 12))
  expect(await x.mul(4).data()).toEqual(Float32Array.of(4, 8, 12, 16))
  expect(await x.sum(0).data()).toEqual(Float32Array.of(4, 6))
  expect(await x.sum(1).data()).toEqual(Float32Array.of(3, 7))
})

test('one operand in two places, and two operands, are different structures', async () => {
  const [a, b] = [of(1, 2), of(10, 20)]
  expect(await a.sub(b).data()).toEqual(Float32Array.of(-9, -18))
  expect(await a.sub(a).data()).toEqual(Float32Array.of(0, 0))
  expect(await b.sub(a).data()).toEqual(Float32Array.of(9, 18))
})

test('variables at other places of an arena are different structures', async () => {
  const cells = [new Cell(of(1, 2), 'a'), new Cell(of(3, 4), 'b')] as const
  const [a, b] = cells
  expect(await a.add(b).data()).toEqual(Float32Array.of(4, 6))
  expect(await b.add(a).add(a).data()).toEqual(Float32Array.of(5, 8))
})

test('what was read once is not computed again', async () => {
  const bound = vi.spyOn(Instance.prototype, 'bind')
  const y = of(1, 2, 3).mul(2)
  const first = await y.data()
  const runs = bound.mock.calls.length
  expect(await y.data()).toEqual(first)
  expect(bound.mock.calls.length).toBe(runs)
  expect(await y.add(1).data()).toEqual(Float32Array.of(3, 5, 7))
})

test('data that is read before it is used comes back without a GPU, and is a copy', async () => {
  const bound = vi.spyOn(Instance.prototype, 'bind')
  const x = of(1, 2)
  const read = await x.data()
  read[0] = 99
  expect(await x.data()).toEqual(Float32Array.of(1, 2))
  expect(bound.mock.calls.length).toBe(0)
})

test('several tensors are read at one moment, and reads come back in any order', async () => {
  const x = of(1, 2, 3)
  const [a, b] = await readAll([x.add(1), x.mul(x).sum()])
  expect([...(a as Float32Array), ...(b as Float32Array)]).toEqual([2, 3, 4, 14])
  const reads = Array.from({ length: 20 }, (_, i) => of(i).add(1).item())
  expect(await Promise.all(reads.reverse())).toEqual(Array.from({ length: 20 }, (_, i) => 20 - i))
})

test('empty tensors, scalars and bools are read', async () => {
  expect(await tensor([]).add(1).data()).toEqual(Float32Array.of())
  expect(await tensor([]).sum().item()).toBe(0)
  expect(await tensor(3).mul(2).item()).toBe(6)
  expect(await of(1, 2).greater(1).data()).toEqual(Uint8Array.of(0, 1))
  expect(
    await tensor([
      [1, 2],
      [3, 4],
    ])
      .transpose()
      .array(),
  ).toEqual([
    [1, 3],
    [2, 4],
  ])
})

test('reading keeps the history that a gradient needs, and drops what none needs', async () => {
  const w = tensor([1, 2, 3], { requiresGrad: true })
  const y = w.mul(w).mul(w)
  const loss = y.sum()
  expect(await loss.item()).toBe(36)
  expect(await y.data()).toEqual(Float32Array.of(1, 8, 27))
  const [g] = grad(loss, [w]) as [Tensor]
  expect(await g.data()).toEqual(Float32Array.of(3, 12, 27))
  const [gg] = grad(g.sum(), [w]) as [Tensor]
  expect(await gg.data()).toEqual(Float32Array.of(6, 12, 18))
  expect(noGrad(() => w.mul(2)).requiresGrad).toBe(false)
  expect(detach(w).mul(2).requiresGrad).toBe(false)
  const plain = of(1, 2).mul(2).add(1)
  await plain.data()
  expect(plain.value.node.inputs).toHaveLength(0)
})

test('GPU memory is flat over eager reads', async () => {
  const w = tensor(new Float32Array(64 * 64).fill(0.01), { shape: [64, 64] })
  const turn = async (i: number): Promise<void> => {
    const x = tensor(new Float32Array(64 * 64).fill(i), { shape: [64, 64] })
    await x.matmul(w).relu().sum().item()
  }
  const sizes: number[] = []
  for (let i = 0; i < 200; i++) {
    await turn(i)
    if (i % 10 === 9) await sweep()
    if (i % 50 === 49) sizes.push(device.bytes)
  }
  expect(sizes[3]).toBe(sizes[1])
  await sweep()
  expect(device.pool.used).toBeLessThan(2 ** 20)
})

test('long chains of ops do not overflow the stack', async () => {
  let x = of(0, 1)
  for (let i = 0; i < 10_000; i++) x = x.add(1)
  expect(await x.data()).toEqual(Float32Array.of(10_000, 10_001))
  let y = of(1, 2)
  for (let i = 0; i < 10_000; i++) y = y.reshape(i % 2 === 0 ? [2, 1] : [2])
  expect(await y.mul(2).data()).toEqual(Float32Array.of(2, 4))
  let z = of(1, 1)
  for (let i = 0; i < 300; i++) z = z.add(z.mul(z)).mul(0.5)
  expect(await z.data()).toEqual(Float32Array.of(1, 1))
}, 120_000)

test('gradients through long chains do not overflow the stack', async () => {
  const w = tensor([1, 2], { requiresGrad: true })
  let y = w.mul(1.5)
  for (let i = 0; i < 5_000; i++) y = y.add(w)
  const [g] = grad(y.sum(), [w]) as [Tensor]
  expect(await g.data()).toEqual(Float32Array.of(5001.5, 5001.5))
}, 120_000)
