import { expect, test } from 'vitest'
import { conv2d, grad, mul, readAll, setDefaultDevice, sum, type Tensor, tensor } from '../../src/index.ts'
import { openDevice } from '../../src/node.ts'
import { convForwardOp, convInputGradOp } from '../../src/ops/conv.ts'

function wave(shape: number[], phase: number): Tensor {
  const size = shape.reduce((a, b) => a * b, 1)
  return tensor(
    Float32Array.from({ length: size }, (_, i) => Math.sin(phase + i * 0.7)),
    { shape, requiresGrad: true },
  )
}

/** A convolution with bias and activation, and its gradient with respect to the images. */
async function results(): Promise<Float32Array[]> {
  const [x, w, bias] = [wave([1, 7, 8, 32], 0), wave([32, 3, 3, 32], 1), wave([32], 2)]
  const y = conv2d(x, w, { bias, padding: 1 }).relu()
  const [dx] = grad(sum(mul(y, wave([1, 7, 8, 32], 3))), [x])
  return (await readAll([y, dx as Tensor])) as Float32Array[]
}

test("every way by Winograd's method gives what the default gives, in fused convolutions too", async () => {
  const device = await openDevice({ guard: true })
  setDefaultDevice(device)
  const { variants } = device
  const expected = await results()
  const works = Object.entries(variants.offered()).filter(([work]) =>
    [convForwardOp.name, convInputGradOp.name].includes(work.split(' ')[0] as string),
  )
  expect(works).toHaveLength(2)
  const ways = works.map(([, names]) => names.filter((name) => name.startsWith('winograd')))
  expect(ways.map((names) => names.length)).toEqual([2, 2])
  expect(works.map(([, names]) => names[0]?.startsWith('winograd'))).toEqual([false, false])
  for (const i of [0, 1]) {
    const pins = works.map(([work], k) => [work, ways[k]?.[i]] as [string, string])
    variants.pin(Object.fromEntries(pins))
    const values = await results()
    expect(variants.used()).toMatchObject(Object.fromEntries(pins))
    values.forEach((all, k) => {
      const most = Math.max(...(expected[k] as Float32Array).map(Math.abs))
      const worst = Math.max(...all.map((v, at) => Math.abs(v - ((expected[k] as Float32Array)[at] as number))))
      expect(worst / most).toBeLessThan(1e-5)
      expect(worst).toBeGreaterThan(0)
    })
  }
  device.close()
})
