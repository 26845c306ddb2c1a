import { afterAll, beforeAll, expect, it } from 'vitest'
import { compile, type Device, readAll, type Tensor, tensor } from '../../src/index.ts'
import * as nn from '../../src/nn/index.ts'
import { openDevice } from '../../src/node.ts'

let gpu: Device
beforeAll(async () => {
  gpu = await openDevice()
})
afterAll(() => gpu.close())

const [images, length, channels] = [2, 5, 3]
const values = (phase: number): number[] =>
  Array.from({ length: images * length * channels }, (_, i) => 2 * Math.sin(1.7 * i + phase) + (i % channels))
const input = (phase: number): Tensor => tensor(values(phase), { shape: [images, length, channels] })

interface Moments {
  readonly mean: number
  readonly variance: number
}

/** Mean and variance over n of one channel of one image. */
function momentsOf(data: readonly number[], image: number, channel: number): Moments {
  const own = Array.from({ length }, (_, k) => data[(image * length + k) * channels + channel] as number)
  const mean = own.reduce((a, b) => a + b) / length
  return { mean, variance: own.reduce((a, b) => a + (b - mean) ** 2, 0) / length }
}

function expectClose(actual: ArrayLike<number> | undefined, expected: readonly number[]): void {
  expect(Array.from(actual ?? []).length).toBe(expected.length)
  expected.forEach((v, i) => {
    expect(actual?.[i]).toBeCloseTo(v, 4)
  })
}

it('an instance norm averages the statistics of the images and uses them in evaluation', async () => {
  const layer = new nn.InstanceNorm1d(channels, { affine: true, trackRunningStats: true })
  expect(Object.keys(await layer.stateDict())).toEqual([
    'weight',
    'bias',
    'running_mean',
    'running_var',
    'num_batches_tracked',
  ])
  layer.weight?.set([1, 2, 3])
  layer.bias?.set([0, 1, -1])
  const step = compile((x: Tensor) => layer.forward(x))
  const [mean, variance] = [
    [0, 0, 0],
    [1, 1, 1],
  ]
  for (const phase of [0, 1]) {
    const y = await step(input(phase)).data()
    const data = values(phase)
    const expected = data.map((v, i) => {
      const c = i % channels
      const own = momentsOf(data, Math.floor(i / (length * channels)), c)
      return ((v - own.mean) / Math.sqrt(own.variance + 1e-5)) * (c + 1) + [0, 1, -1][c]!
    })
    expectClose(y, expected)
    for (let c = 0; c < channels; c++) {
      const own = [0, 1].map((image) => momentsOf(data, image, c))
      const half = (of: keyof Moments): number => (own[0]![of] + own[1]![of]) / 2
      mean[c] = 0.9 * mean[c]! + 0.1 * half('mean')
      variance[c] = 0.9 * variance[c]! + (0.1 * half('variance') * length) / (length - 1)
    }
  }
  const [runningMean, runningVar] = await readAll([layer.runningMean!, layer.runningVar!])
  expectClose(runningMean, mean)
  expectClose(runningVar, variance)
  layer.eval()
  const data = values(2)
  const evaluated = data.map((v, i) => {
    const c = i % channels
    return ((v - mean[c]!) / Math.sqrt(variance[c]! + 1e-5)) * (c + 1) + [0, 1, -1][c]!
  })
  expectClose(await step(input(2)).data(), evaluated)
})

it('without momentum a batch norm weighs all batches alike, compiled or not', async () => {
  const layer = new nn.BatchNorm1d(channels, { momentum: null, affine: false })
  expect(Object.keys(await layer.stateDict())).toEqual(['running_mean', 'running_var', 'num_batches_tracked'])
  const step = compile((x: Tensor) => layer.forward(x))
  step(input(0))
  step(input(1))
  await layer.forward(input(2)).data()
  const expected = Array.from({ length: channels }, (_, c) => {
    const all = [0, 1, 2].flatMap((phase) => values(phase).filter((_, i) => i % channels === c))
    return all.reduce((a, b) => a + b) / all.length
  })
  expectClose(await layer.runningMean?.data(), expected)
  expect(layer.numBatchesTracked?.value).toBe(3)
})

it('without running statistics a batch norm uses those of the batch in evaluation too', async () => {
  const layer = new nn.BatchNorm1d(channels, { trackRunningStats: false })
  expect(Object.keys(await layer.stateDict())).toEqual(['weight', 'bias'])
  const trained = await layer.forward(input(0)).data()
  expect(await layer.eval().forward(input(0)).data()).toEqual(trained)
  const sum = Array.from(trained).reduce((a, b) => a + b, 0)
  expect(sum).toBeCloseTo(0, 4)
})
