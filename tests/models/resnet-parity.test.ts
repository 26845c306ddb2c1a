import { afterAll, beforeAll, expect, it } from 'vitest'
import { crossEntropy, type Device, noGrad, tensor } from '../../src/index.ts'
import { openDevice } from '../../src/node.ts'
import { loadedResnet50 } from './resnet-compare.ts'
import { golden, images } from './resnet-golden.ts'

let device: Device
beforeAll(async () => {
  device = await openDevice()
})
afterAll(() => device.close())

// Logits at 224x224 and all gradients are compared by resnet-parity.ts, which takes minutes in software.
it("has PyTorch's loss with the weights of the formula", async () => {
  const { batch, stream, loss } = golden.eval
  const model = loadedResnet50().eval()
  const x = tensor(images(batch, 64, stream), { shape: [batch, 64, 64, 3] })
  const y = tensor(Int32Array.from({ length: batch }, (_, i) => (i * 97) % 1000))
  const [value] = await noGrad(() => crossEntropy(model.forward(x), y)).data()
  expect(Math.abs((value as number) - loss) / loss).toBeLessThan(1e-5)
})
