import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Device, grad, logSoftmax, type Tensor, tensor } from '../../src/index.ts'
import { BCEWithLogitsLoss, CrossEntropyLoss, NLLLoss } from '../../src/nn/index.ts'
import { openDevice } from '../../src/node.ts'

let gpu: Device
beforeAll(async () => {
  gpu = await openDevice()
})
afterAll(() => gpu.close())

// The figures are those of PyTorch 1.13 in float64 for x[i] = sin(1.7 i), [4, 3].
const input = (): Tensor =>
  tensor(
    Array.from({ length: 12 }, (_, i) => Math.sin(1.7 * i)),
    { shape: [4, 3], requiresGrad: true },
  )
const classes = (...ids: number[]): Tensor => tensor(Int32Array.from(ids))
const weight = (): Tensor => tensor([0.2, 1, 3])

it('class weights, ignored rows and smoothed labels together are those of PyTorch', async () => {
  const x = input()
  const loss = new CrossEntropyLoss({ weight: weight(), ignoreIndex: -100, labelSmoothing: 0.1 })
  const value = loss.forward(x, classes(0, 2, 1, -100))
  expect(await value.item()).toBeCloseTo(0.9779151400608355, 5)
  const expected = [
    -0.027400418413961077, 0.038009390039180135, -0.010608971625219062, 0.061340910801147036, 0.25238635059631703,
    -0.3137272613974642, 0.03461743999176488, -0.18293388671223387, 0.14831644672046898, 0, 0, 0,
  ]
  const slope = await (grad(value, [x])[0] as Tensor).data()
  expected.forEach((v, i) => {
    expect(slope[i]).toBeCloseTo(v, 5)
  })
})

it('weights of classes and of positive labels are those of PyTorch', async () => {
  const x = input()
  const nll = new NLLLoss({ weight: weight() }).forward(logSoftmax(x), classes(0, 2, 1, 1))
  expect(await nll.item()).toBeCloseTo(1.1648104758548359, 5)
  const labels = tensor([1, 0, 0, 1, 1, 0, 0, 1, 0, 0, 1, 1], { shape: [4, 3] })
  const bce = new BCEWithLogitsLoss({ weight: weight(), posWeight: tensor([3, 1, 0.5]) }).forward(x, labels)
  expect(await bce.item()).toBeCloseTo(1.297968592931509, 5)
})
