import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  type Compiled,
  compile,
  type Device,
  grad,
  layerNorm,
  openDevice,
  type Tensor,
  tensor,
} from '../../src/index.ts'

let device: Device
beforeAll(async () => {
  device = await openDevice()
})
afterAll(() => device.close())

function wave(shape: readonly number[], speed: number, requiresGrad = false): Tensor {
  const size = shape.reduce((a, b) => a * b, 1)
  return tensor(
    Array.from({ length: size }, (_, i) => Math.sin(speed * (i + 1))),
    { shape, requiresGrad },
  )
}

function dispatches(step: Compiled<readonly Tensor[], Record<string, Tensor>>, ...args: Tensor[]): number {
  return step.planFor(...args).cost().dispatches
}

/** Gradients of a LayerNorm of [3, 6]: of x and of the weight. */
function slopes(x: Tensor, weight: Tensor, g: Tensor): [Tensor, Tensor] {
  return grad(layerNorm(x, 6, { weight, bias: tensor(new Float32Array(6)) }), [x, weight], g) as [Tensor, Tensor]
}

const operands = (): [Tensor, Tensor, Tensor] => [wave([3, 6], 0.7, true), wave([6], 1.3, true), wave([3, 6], 2.1)]

test('a dear value whose uses meet again is computed with them', async () => {
  const x = wave([100], 0.3)
  const joined = compile((a: Tensor) => {
    const t = a.tanh()
    return { y: t.mul(t).mul(a).add(t) }
  })
  expect(dispatches(joined as never, x)).toBe(1)
  const y = await joined(x).y.data()
  const expected = Array.from(await x.data(), (v) => Math.tanh(v) ** 2 * v + Math.tanh(v))
  for (const [i, v] of expected.entries()) expect(y[i]).toBeCloseTo(v, 5)
})

test('a dear value with uses in two results is computed once for both', () => {
  const x = wave([100], 0.3)
  const apart = compile((a: Tensor) => {
    const t = a.tanh()
    return { square: t.mul(t), next: t.add(1) }
  })
  expect(dispatches(apart as never, x)).toBe(3)
})

test('what is made of the first of several outputs joins their kernel', async () => {
  const [x, weight, g] = operands()
  const plain = compile((a: Tensor, w: Tensor, b: Tensor) => {
    const [dx, dw] = slopes(a, w, b)
    return { dx, dw }
  })
  const joined = compile((a: Tensor, w: Tensor, b: Tensor) => {
    const [dx, dw] = slopes(a, w, b)
    return { y: dx.add(b), dw }
  })
  expect(dispatches(joined as never, x, weight, g)).toBe(dispatches(plain as never, x, weight, g))
  const [dx, added, seeds] = [await plain(x, weight, g).dx.data(), await joined(x, weight, g).y.data(), await g.data()]
  for (const [i, v] of added.entries()) expect(v).toBeCloseTo((dx[i] as number) + (seeds[i] as number), 6)
})

test('but not where it needs another of them', async () => {
  const [x, weight, g] = operands()
  const crossed = compile((a: Tensor, w: Tensor, b: Tensor) => {
    const [dx, dw] = slopes(a, w, b)
    return { y: dx.add(dw), dx, dw }
  })
  const alone = compile((a: Tensor, w: Tensor, b: Tensor) => {
    const [dx, dw] = slopes(a, w, b)
    return { y: dx.add(dw) }
  })
  const { dx, dw } = crossed(x, weight, g)
  const [a, b] = [await dx.data(), await dw.data()]
  const y = await alone(x, weight, g).y.data()
  for (const [i, v] of y.entries()) expect(v).toBeCloseTo((a[i] as number) + (b[i % 6] as number), 6)
})
