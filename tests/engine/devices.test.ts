import { afterAll, beforeAll, expect, test } from 'vitest'
import { add, cast, compile, type Device, full, grad, readAll, type Tensor, tensor } from '../../src/index.ts'
import { Parameter } from '../../src/nn/parameter.ts'
import { openDevice } from '../../src/node.ts'
import { AdamW, SGD } from '../../src/optim/index.ts'

let first: Device
let second: Device

beforeAll(async () => {
  first = await openDevice()
  second = await openDevice()
})

afterAll(() => second.close())

const there = (...numbers: number[]): Tensor => tensor(numbers, { device: second })

test('tensors of two devices are not read or stepped together', async () => {
  await expect(readAll([tensor([1]).add(1), there(1).add(1)])).rejects.toThrow(
    'read: the tensors are on different devices; read those of each device on their own',
  )
  const step = compile((a: Tensor, b: Tensor) => a.add(b))
  expect(() => step(tensor([1]), there(1))).toThrow(
    'compile: argument 1 is on another device than the step; make it on that device',
  )
})

test('a constant of the default device is assigned to a parameter of another', async () => {
  const p = new Parameter(there(1, 2))
  p.assign(full([2], 3))
  expect(await p.data()).toEqual(Float32Array.of(3, 3))
})

test('a parameter is set outside of steps only', () => {
  const p = new Parameter(tensor([1]), 'p')
  const step = compile(() => p.set([4]))
  expect(() => step()).toThrow('set: p is set within a function that is being compiled; use assign, or set it outside')
})

test('f16 is refused at the call where the device has none', () => {
  if (first.info.features.includes('shader-f16')) return
  expect(() => cast(tensor([1]), 'f16')).toThrow('cast: dtype f16 on a device without shader-f16; use f32')
  expect(() => full([1], 1, 'f16')).toThrow('constant: dtype f16 on a device without shader-f16; use f32')
})

test('a device works on when the default one is closed', async () => {
  const p = new Parameter(tensor([1]), 'p')
  first.close()
  expect(() => p.set([2])).toThrow(/^set: the device was closed/)
  expect(await add(2, there(1).mul(2)).data()).toEqual(Float32Array.of(4))
  const x = tensor([3, 4], { device: second, requiresGrad: true })
  const [g, none] = grad(x.mul(x).sum(), [x, new Parameter(there(1))]) as [Tensor, Tensor]
  expect(await readAll([g, none])).toEqual([Float32Array.of(6, 8), Float32Array.of(0)])
  const w = new Parameter(there(1, 2))
  const sgd = new SGD([w], { lr: 1 })
  const step = compile(() => sgd.minimize(w.sum().mul(2)), { device: second })
  step()
  sgd.minimize(w.sum())
  new AdamW([w], { lr: 0 }).minimize(w.sum())
  expect(await w.data()).toEqual(Float32Array.of(-2, -1))
})
