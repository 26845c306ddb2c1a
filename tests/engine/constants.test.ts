import { beforeAll, describe, expect, test } from 'vitest'
import { clamp, full, grad, neg, type Tensor, tensor } from '../../src/index.ts'
import { openDevice } from '../../src/node.ts'

beforeAll(async () => {
  await openDevice()
})

async function list(t: Tensor): Promise<number[]> {
  return Array.from(await t.data())
}

const i32 = (...v: number[]): Tensor => tensor(v, { dtype: 'i32' })
const u32 = (...v: number[]): Tensor => tensor(v, { dtype: 'u32' })
const one = (value: number, dtype: 'f32' | 'i32' | 'u32' = 'f32'): Tensor => full([1], value, dtype)

describe('WGSL refuses constant expressions without a finite value; tensors of constants have their f32 value', () => {
  test.each<[string, () => Tensor, number]>([
    ['log(0)', () => one(0).log(), -Infinity],
    ['exp(1000)', () => one(1000).exp(), Infinity],
    ['1 / 0', () => one(1).div(one(0)), Infinity],
    ['3e38 + 3e38', () => one(3e38).add(one(3e38)), Infinity],
    ['3e38 * -10', () => one(3e38).mul(-10), -Infinity],
  ])('%s', async (_, make, wanted) => {
    expect(await list(make())).toEqual([wanted])
  })

  test('no shader fails to compile over what is not a number', async () => {
    expect(await list(one(-1).sqrt())).toHaveLength(1)
    expect(await list(one(0).div(one(0)))).toHaveLength(1)
  })

  test('the largest f32 as people write it, and the smallest', async () => {
    expect(await list(one(3.4028235e38).add(tensor([0])))).toEqual([Math.fround(3.4028235e38)])
    expect(await list(one(-3.4028235e38).add(tensor([0])))).toEqual([Math.fround(-3.4028235e38)])
    expect(await list(one(1e-310).add(tensor([1])))).toEqual([1])
  })
})

describe('whole numbers wrap around, folded or not', () => {
  test.each<[string, () => Tensor, number]>([
    ['u32 1 - 2', () => one(1, 'u32').sub(2), 2 ** 32 - 1],
    ['i32 max + 1', () => one(2 ** 31 - 1, 'i32').add(1), -(2 ** 31)],
    ['i32 65536 * 65537', () => one(65536, 'i32').mul(65537), 65536],
    ['i32 max * max', () => one(2 ** 31 - 1, 'i32').mul(one(2 ** 31 - 1, 'i32')), 1],
    ['u32 max * max', () => one(2 ** 32 - 1, 'u32').mul(one(2 ** 32 - 1, 'u32')), 1],
    ['-1 of u32', () => neg(one(1, 'u32')), 2 ** 32 - 1],
    ['-min of i32', () => neg(one(-(2 ** 31), 'i32')), -(2 ** 31)],
    ['7 / 2', () => one(7, 'i32').div(2), 3],
    ['min of i32 as a tensor', () => one(-(2 ** 31), 'i32').add(i32(1)), -(2 ** 31) + 1],
  ])('%s', async (_, make, wanted) => {
    expect(await list(make())).toEqual([wanted])
  })

  test('dividing by 0 gives what was divided, as WGSL has it', async () => {
    expect(await list(i32(4, -5).div(0))).toEqual([4, -5])
    expect(await list(u32(4, 5).div(0))).toEqual([4, 5])
    expect(await list(one(7, 'i32').div(one(0, 'i32')))).toEqual([7])
  })

  test('numbers that are no i32 or u32 are refused at the call', () => {
    const right = 'give a whole number in range, or another dtype'
    expect(() => full([2], 1.5, 'i32')).toThrow(`full: the value 1.5 for i32; ${right}`)
    expect(() => full([2], Infinity, 'i32')).toThrow(`full: the value Infinity for i32; ${right}`)
    expect(() => u32(1).add(-1)).toThrow(`full: the value -1 for u32; ${right}`)
    expect(() => i32(1).sub(2 ** 31)).toThrow(`full: the value 2147483648 for i32; ${right}`)
  })
})

describe('clamp', () => {
  test('takes infinite bounds, and gradients through them', async () => {
    const x = tensor([-4, 5], { requiresGrad: true })
    expect(await list(clamp(x, 0, Infinity))).toEqual([0, 5])
    expect(await list(clamp(x, -Infinity, 0))).toEqual([-4, 0])
    expect(await list(clamp(x, -Infinity, Infinity))).toEqual([-4, 5])
    expect(await list(grad(clamp(x, 0, Infinity).sum(), [x])[0] as Tensor)).toEqual([0, 1])
    expect(await list(grad(clamp(x, -Infinity, 0).sum(), [x])[0] as Tensor)).toEqual([1, 0])
  })

  test('takes bounds of integers that pass their range', async () => {
    expect(await list(clamp(u32(0, 9), -1, 4))).toEqual([0, 4])
    expect(await list(clamp(u32(0, 9), -5, -1))).toEqual([0, 0])
    expect(await list(clamp(i32(-7, 9), -Infinity, 4))).toEqual([-7, 4])
    expect(() => clamp(i32(1), 0.5, 2)).toThrow(/^clamp: low is 0.5 and high is 2 for i32; give whole numbers/)
  })
})
