import { expect, test } from 'vitest'
import { conv2d, grad, mul, readAll, setDefaultDevice, sum, type Tensor, tensor } from '../../src/index.ts'
import { openDevice } from '../../src/node.ts'
import { convForwardOp, convInputGradOp, convWeightGradOp } from '../../src/ops/conv.ts'

function wave(shape: number[], phase: number): Tensor {
  const size = shape.reduce((a, b) => a * b, 1)
  return tensor(
    Float32Array.from({ length: size }, (_, i) => Math.sin(phase + i * 0.7)),
    { shape, requiresGrad: true },
  )
}

/** A convolution with bias and activation, and its gradients; that of the bias comes with that of the weights. */
async function results(stride: number): Promise<Float32Array[]> {
  const [x, w, bias] = [wave([2, 15, 16, 32], 0), wave([32, 3, 3, 32], 1), wave([32], 2)]
  const y = conv2d(x, w, { bias, stride, padding: 1 }).relu()
  const grads = grad(sum(mul(y, wave([...y.shape], 3))), [x, w, bias])
  return (await readAll([y, ...(grads as Tensor[])])) as Float32Array[]
}

// What names begin with, how near the results are, and which of several tiles is taken.
const ways = [
  ['winograd2-', 1, 1e-5, 0],
  ['winograd4-', 1, 5e-5, 1],
  ['windows-', 2, 1e-5, 0],
  ['quads-', 1, 1e-5, 0],
] as const
test.each(ways)(
  '%s kernels give what the direct ones give, in fused convolutions too',
  async (kind, stride, bound, nth) => {
    const device = await openDevice({ guard: true })
    setDefaultDevice(device)
    const { variants } = device
    await results(stride)
    const ops: string[] = [convForwardOp, convInputGradOp, convWeightGradOp].map(({ name }) => name)
    const works = Object.entries(variants.offered()).filter(([work]) => ops.includes(work.split(' ')[0] as string))
    expect(works).toHaveLength(3)
    const pinned = async (pick: (name: string) => boolean, at: number): Promise<Float32Array[]> => {
      const pins = works.map(([work, names]) => [work, names.filter(pick)[at]] as [string, string])
      variants.pin(Object.fromEntries(pins))
      const values = await results(stride)
      expect(variants.used()).toMatchObject(Object.fromEntries(pins))
      return values
    }
    const expected = await pinned((name) => /^(tile|strip)-/.test(name), 0)
    const all = await pinned((name) => name.startsWith(kind), nth)
    all.forEach((values, k) => {
      const most = Math.max(...(expected[k] as Float32Array).map(Math.abs))
      const worst = Math.max(...values.map((v, at) => Math.abs(v - ((expected[k] as Float32Array)[at] as number))))
      expect(worst / most).toBeLessThan(bound)
    })
    device.close()
  },
)
