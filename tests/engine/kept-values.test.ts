import { beforeAll, describe, expect, test } from 'vitest'
import { compile, type Device, grad, readAll, type Tensor, tensor } from '../../src/index.ts'
import { Buffer, Parameter } from '../../src/nn/parameter.ts'
import { openDevice } from '../../src/node.ts'
import { SGD } from '../../src/optim/index.ts'

let device: Device

beforeAll(async () => {
  device = await openDevice()
})

function parameter(...numbers: number[]): Parameter {
  return new Parameter(tensor(numbers), 'p')
}

async function lists(...tensors: Tensor[]): Promise<number[][]> {
  return (await readAll(tensors)).map((v) => Array.from(v))
}

describe('a parameter that a step returns', () => {
  test('has the value after the update', async () => {
    const p = parameter(1, 2)
    const optimizer = new SGD([p], { lr: 1 })
    const step = compile(() => {
      optimizer.minimize(p.sum())
      return { p }
    })
    const first = step()
    const second = step()
    expect(await lists(first.p, second.p, p)).toEqual([
      [0, 1],
      [-1, 0],
      [-1, 0],
    ])
  })

  test('has the value that was assigned', async () => {
    const p = parameter(1, 2)
    const step = compile(() => {
      const before = p.mul(1.5)
      p.assign(p.mul(2))
      return [p, before, p]
    })
    step()
    expect(await lists(...(step() as Tensor[]), p)).toEqual([
      [4, 8],
      [3, 6],
      [4, 8],
      [4, 8],
    ])
  })
})

describe('a parameter made from another', () => {
  test('keeps the value that the other had then', async () => {
    const p = parameter(1, 2)
    const unsettled = new Buffer(p, 'b')
    await p.data()
    const settled = new Parameter(p, 'q')
    p.set([7, 8])
    expect(await lists(unsettled, settled, p)).toEqual([
      [1, 2],
      [1, 2],
      [7, 8],
    ])
  })

  test('keeps the value of a step output when the ring moves on', async () => {
    const step = compile((x: Tensor) => x.mul(2), { ring: 1 })
    const kept = new Buffer(step(tensor([1])), 'b')
    step(tensor([5]))
    expect(await lists(kept)).toEqual([[2]])
  })
})

describe('releasing a compiled function', () => {
  test('leaves the steps that wait in line whole, numbers of the host included', async () => {
    const p = parameter(1, 2)
    const optimizer = new SGD([p], { lr: 1 })
    const step = compile(() => optimizer.minimize(p.sum()))
    step()
    step.release()
    expect(await lists(p)).toEqual([[0, 1]])
  })

  test('makes its outputs stale, and keeps what was computed from them', async () => {
    const step = compile((x: Tensor) => x.mul(2))
    const output = step(tensor([1]))
    const late = output.add(1)
    step.release()
    const other = tensor([9]).add(1)
    expect(await lists(late, other)).toEqual([[3], [10]])
    await expect(output.data()).rejects.toThrow(
      'read: this is an output of step 0 of a function that was released; read outputs before release()',
    )
    const used = device.pool.used
    for (let i = 0; i < 3; i++) {
      await lists(step(tensor([i])))
      step.release()
    }
    expect(device.pool.used).toBeLessThanOrEqual(used + 8 * 256)
  })
})

describe('what a compiled function may not return', () => {
  test('a promise or a number', () => {
    const promised = compile((async (x: Tensor) => x) as unknown as (x: Tensor) => Tensor)
    expect(() => promised(tensor([1]))).toThrow(/^compile: the function is asynchronous; /)
    const number = compile((() => 5) as unknown as () => Tensor)
    expect(() => number()).toThrow(/^compile: the function returned number; return tensors/)
  })
})

describe('gradients that need what was overwritten', () => {
  test('are refused where the tensor was computed before, and right where it was not', async () => {
    const x = tensor([3], { requiresGrad: true })
    const p = parameter(10)
    const computed = x.mul(p)
    await computed.data()
    p.set([100])
    const lazy = x.mul(p)
    p.set([1000])
    expect(() => grad(computed.sum(), [x])).toThrow(
      'mul: it needs the f32 [1] that was overwritten since it was used; take gradients before parameters are updated and outputs of steps are overwritten',
    )
    expect(await lists(...grad(lazy.sum(), [x]))).toEqual([[100]])
  })

  test('are refused for outputs that the ring has overwritten', async () => {
    const step = compile((a: Tensor) => a.mul(1.5), { ring: 1 })
    const x = tensor([3], { requiresGrad: true })
    const y = x.mul(step(tensor([2])))
    await y.data()
    step(tensor([200]))
    expect(() => grad(y.sum(), [x])).toThrow(/^mul: it needs the f32 \[1\] that was overwritten since it was used; /)
  })

  test('are right when an optimizer merely takes the parameter over', async () => {
    const x = tensor([3], { requiresGrad: true })
    const p = parameter(10)
    const y = x.mul(p)
    await y.data()
    const optimizer = new SGD([p, parameter(1)], { lr: 1 })
    const [g] = grad(y.sum(), [x]) as [Tensor]
    optimizer.step([tensor([1]), tensor([1])])
    expect(await lists(g, p)).toEqual([[10], [9]])
  })
})
