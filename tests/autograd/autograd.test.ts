import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  clamp,
  type Device,
  detach,
  exp,
  grad,
  mul,
  noGrad,
  openDevice,
  readAll,
  relu,
  sum,
  type Tensor,
  tensor,
  where,
} from '../../src/node.ts'

let gpu: Device

beforeAll(async () => {
  gpu = await openDevice({ guard: true })
})

afterAll(() => gpu?.close())

const wanted = (values: number[]): Tensor => tensor(values, { requiresGrad: true })

async function numbers(tensors: readonly Tensor[]): Promise<number[][]> {
  return (await readAll(tensors)).map((a) => Array.from(a))
}

describe('what is recorded', () => {
  test('a tensor that asks for a gradient, and what is made from it', () => {
    const x = wanted([1, 2])
    const plain = tensor([1, 2])
    expect(x.requiresGrad).toBe(true)
    expect(plain.requiresGrad).toBe(false)
    expect(x.add(plain).requiresGrad).toBe(true)
    expect(plain.add(plain).requiresGrad).toBe(false)
    expect(x.exp().reshape([2, 1]).sum().requiresGrad).toBe(true)
  })

  test('nothing under noGrad, which ends with its function even when that throws', () => {
    const x = wanted([1, 2])
    expect(noGrad(() => x.mul(2)).requiresGrad).toBe(false)
    expect(() =>
      noGrad(() => {
        throw new Error('inside')
      }),
    ).toThrow('inside')
    expect(noGrad(() => noGrad(() => 1) + 1)).toBe(2)
    expect(x.mul(2).requiresGrad).toBe(true)
  })

  test('a value made under noGrad is a constant for what is built on it', async () => {
    const x = wanted([3])
    const frozen = noGrad(() => x.mul(x))
    const [g] = grad(frozen.mul(x), [x])
    expect(await g?.item()).toBe(9)
  })

  test('detach keeps the value and cuts the gradient', async () => {
    const x = wanted([3, -2])
    const cut = detach(x.mul(x))
    expect(cut.requiresGrad).toBe(false)
    const y = sum(cut.mul(x))
    const [g] = grad(y, [x])
    expect(await numbers([cut, g!])).toEqual([
      [9, 4],
      [9, 4],
    ])
  })
})

describe('which gradients come out', () => {
  test('those of a sum of two paths', async () => {
    const x = wanted([2, 3])
    const a = x.mul(x)
    const y = sum(a.add(a.mul(x)))
    expect(await numbers(grad(y, [x]))).toEqual([[2 * 2 + 3 * 4, 2 * 3 + 3 * 9]])
  })

  test('zeros for a tensor that is not used', async () => {
    const [x, other] = [wanted([1, 2]), wanted([5, 6, 7])]
    expect(await numbers(grad(sum(x), [x, other]))).toEqual([
      [1, 1],
      [0, 0, 0],
    ])
  })

  test('one for the tensor itself', async () => {
    const x = wanted([7])
    expect(await numbers(grad(x, [x]))).toEqual([[1]])
  })

  test('those of values in the middle, with and without what they are made of', async () => {
    const x = wanted([2, 3])
    const h = x.mul(x)
    const y = sum(h.mul(h))
    expect(await numbers(grad(y, [h]))).toEqual([[8, 18]])
    expect(await numbers(grad(y, [x, h]))).toEqual([
      [32, 108],
      [8, 18],
    ])
    expect(await numbers(grad(y, [y, x]))).toEqual([[1], [32, 108]])
  })

  test('the same tensor asked for twice', async () => {
    const x = wanted([4])
    expect(await numbers(grad(x.mul(x), [x, x]))).toEqual([[8], [8]])
  })

  test('of a vector with a seed', async () => {
    const x = wanted([2, 3])
    expect(await numbers(grad(x.mul(x), [x], tensor([1, -1])))).toEqual([[4, -6]])
  })

  test('after the values were read, and again', async () => {
    const x = wanted([2])
    const y = exp(x.mul(0)).mul(x)
    expect(await y.item()).toBe(2)
    expect(await grad(y, [x])[0]?.item()).toBe(3 - 2)
    expect(await grad(y, [x])[0]?.item()).toBe(1)
  })

  test('in the shape of the operand that was broadcast', () => {
    const x = tensor([[1, 2, 3]], { requiresGrad: true })
    const scalar = tensor(2, { requiresGrad: true })
    const y = mul(mul(x, scalar), tensor([[1], [2]]))
    expect(y.shape).toEqual([2, 3])
    expect(grad(sum(y), [x, scalar]).map((g) => g.shape)).toEqual([[1, 3], []])
  })

  test('of the branch that where took; the slope of relu at 0 is 0', async () => {
    const x = wanted([-1, 0, 2])
    const y = sum(where(x.greater(0), x.mul(5), x.mul(-1)).add(relu(x)))
    expect(await numbers(grad(y, [x]))).toEqual([[-1, -1, 6]])
  })

  test('of the third order', async () => {
    const x = wanted([2])
    let y: Tensor = x.pow(4)
    for (let order = 0; order < 3; order++) y = grad(y, [x])[0]!
    expect(await y.item()).toBeCloseTo(48, 3)
  })

  test('through a long chain, without recursion', async () => {
    const x = wanted([1])
    let y: Tensor = x
    for (let i = 0; i < 3000; i++) y = y.add(x)
    expect(await grad(y, [x])[0]?.item()).toBe(3001)
  })
})

describe('errors', () => {
  const message = (fn: () => unknown): string => {
    try {
      fn()
    } catch (error) {
      return (error as Error).message
    }
    return ''
  }

  test('a vector without a seed', () => {
    const x = wanted([1, 2])
    expect(message(() => grad(x.mul(2), [x]))).toBe(
      'grad: y is [2]; it must be a scalar, or a seed of its shape must be given',
    )
  })

  test('a seed of another shape', () => {
    const x = wanted([1, 2])
    expect(message(() => grad(x.mul(2), [x], tensor([1, 2, 3])))).toBe(
      'grad: the seed is f32 [3] and y is f32 [2]; both must be equal',
    )
  })

  test('a tensor that records nothing', () => {
    const x = tensor([1])
    expect(message(() => grad(x, [x]))).toBe(
      'grad: tensor 0 of wrt records no gradient; make it with tensor(data, { requiresGrad: true }), or use a parameter that is not frozen',
    )
  })

  test('whole numbers that ask for a gradient', () => {
    expect(message(() => tensor([1, 2], { dtype: 'i32', requiresGrad: true }))).toBe(
      'tensor: requiresGrad with dtype i32; only f32 and f16 have gradients',
    )
  })
})

test('clamp has the slope 1 at its bounds, as in PyTorch', async () => {
  const x = tensor([-2, -1, 0, 1, 2], { requiresGrad: true })
  const [slope] = grad(sum(clamp(x, -1, 1)), [x])
  expect(Array.from((await slope?.data()) ?? [])).toEqual([0, 1, 1, 1, 0])
})
