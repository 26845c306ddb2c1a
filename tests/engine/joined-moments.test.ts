import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Device } from '../../src/gpu/device.ts'
import {
  add,
  batchNorm,
  compile,
  conv2d,
  matmul,
  profile,
  setDefaultDevice,
  type Tensor,
  tensor,
} from '../../src/index.ts'
import { openDevice } from '../../src/node.ts'

let real: Device
let device: Device

beforeAll(async () => {
  real = await openDevice()
  // Kernels for a GPU, on whatever is there.
  device = new Device(real.handle, { ...real.info, software: false, features: [] }, {})
  setDefaultDevice(device)
})

afterAll(() => {
  device?.close()
  real?.close()
})

function noise(shape: readonly number[], speed: number, around = 0): Tensor {
  const size = shape.reduce((a, b) => a * b, 1)
  return tensor(
    Float32Array.from({ length: size }, (_, i) => around + Math.sin(speed * (i + 1) + 0.01 * i * i)),
    { shape },
  )
}

type Made = (x: Tensor, w: Tensor) => Tensor

/** What is made of x and w, the norm of it in training, and what the norm took for that. */
function normed(make: Made): (x: Tensor, w: Tensor) => { made: Tensor; y: Tensor; mean: Tensor; variance: Tensor } {
  return (x, w) => {
    const made = make(x, w)
    const { y, mean, variance } = batchNorm(made, { training: true })
    return { made, y, mean, variance }
  }
}

/** Mean and variance of each column, in double precision. */
function momentsOf(values: ArrayLike<number>, columns: number): { mean: number; variance: number }[] {
  return Array.from({ length: columns }, (_, c) => {
    const column = Array.from(values).filter((_, i) => i % columns === c)
    const mean = column.reduce((a, b) => a + b) / column.length
    return { mean, variance: column.reduce((a, v) => a + (v - mean) ** 2, 0) / column.length }
  })
}

async function expectMoments(make: Made, x: Tensor, w: Tensor): Promise<void> {
  const out = compile(normed(make))(x, w)
  const [made, y, mean, variance] = await Promise.all([out.made, out.y, out.mean, out.variance].map((t) => t.data()))
  const columns = out.mean.size
  const expected = momentsOf(made as Float32Array, columns)
  expected.forEach((e, c) => {
    expect(Math.abs((mean?.[c] as number) - e.mean)).toBeLessThan(1e-6 * (1 + Math.abs(e.mean)))
    expect(Math.abs((variance?.[c] as number) / e.variance - 1)).toBeLessThan(2e-4)
  })
  made?.forEach((v: number, i: number) => {
    const { mean: m, variance: s } = expected[i % columns] as { mean: number; variance: number }
    expect(Math.abs((y?.[i] as number) - (v - m) / Math.sqrt(s + 1e-5))).toBeLessThan(2e-3)
  })
}

async function opsOf(make: Made, x: Tensor, w: Tensor): Promise<string[]> {
  const { rows } = await profile(compile(normed(make)), x, w)
  return rows.map(({ op }) => op)
}

// Tiles whose parts fill what an operand had, take some of the other's room, or little; those between are the same text.
const tiles = /^shared-(64x64x16-4x4|128x128x8-8x8|64x32x|32x32x)/

/** The moments by each of these kernels for the work whose inputs are named. */
async function expectEach(make: Made, x: Tensor, w: Tensor, inputs: string): Promise<void> {
  const isWork = (name: string): boolean => name.includes('moments=') && name.includes(inputs)
  const work = Object.keys(device.variants.used()).find(isWork) as string
  const names = (device.variants.offered()[work] as readonly string[]).filter((name) => tiles.test(name))
  expect(names.length).toBeGreaterThan(0)
  for (const name of names) {
    device.variants.pin({ [work]: name })
    await expectMoments(make, x, w)
  }
  device.variants.pin({})
}

const product: Made = (x, w) => matmul(x, w)
const turned: Made = (x, w) => matmul(x, w, { transB: true })

describe("a product's kernel also gives the moments of its columns", () => {
  test.each([
    [33, 20, 9],
    [261, 70, 17],
  ])('[%i, %i] over %i', async (m, n, k) => {
    const [x, w] = [noise([m, k], 0.7), noise([k, n], 1.9)]
    expect(await opsOf(product, x, w)).not.toContain('moments')
    await expectEach(product, x, w, `[${m},${k}]`)
  })

  test('however far from zero they are', async () => {
    // Values of about 1800 with a deviation of 0.1: their squares would leave nothing of the variance.
    const x = Float32Array.from({ length: 70 * 9 }, (_, i) => (i % 9 === 0 ? 1 : 0.01 * Math.sin(i)))
    await expectMoments(turned, tensor(x, { shape: [70, 9] }), noise([12, 9], 0.3, 1800))
  })

  test('with the same bits each time', async () => {
    const [x, w] = [noise([261, 17], 0.7), noise([17, 70], 1.9)]
    const step = compile(normed(product))
    const first = await step(x, w).variance.data()
    for (let run = 0; run < 5; run++) expect(await step(x, w).variance.data()).toEqual(first)
  })
})

describe("a convolution's kernel also gives the moments of its outputs", () => {
  test.each([
    ['with the largest tiles', [1, 11, 11, 8], [70, 3, 3, 8], {}],
    ['in groups, with strides and padding', [2, 13, 9, 6], [36, 3, 3, 3], { groups: 2, stride: 2, padding: 1 }],
  ] as const)('%s', async (_, size, weights, options) => {
    const convolution: Made = (x, w) => conv2d(x, w, options)
    const [x, w] = [noise(size, 0.7), noise(weights, 1.9)]
    expect(await opsOf(convolution, x, w)).not.toContain('moments')
    await expectEach(convolution, x, w, `[${size.join()}]`)
  })
})

describe('moments are by themselves', () => {
  test('of a sum of the product and a matrix', async () => {
    const [x, w] = [noise([33, 9], 0.7), noise([9, 20], 1.9)]
    expect(await opsOf((a, b) => add(matmul(a, b), noise([33, 20], 0.4)), x, w)).toContain('moments')
  })

  test('on software, whose kernels have no tiles to share', async () => {
    setDefaultDevice(real)
    expect(await opsOf(product, noise([33, 9], 0.7), noise([9, 20], 1.9))).toContain('moments')
    setDefaultDevice(device)
  })
})

test('with a bias in between the mean is another, and nothing else', async () => {
  const biased: Made = (x, w) => add(matmul(x, w), noise([20], 0.4, 3))
  const [x, w] = [noise([33, 9], 0.7), noise([9, 20], 1.9)]
  expect(await opsOf(biased, x, w)).not.toContain('moments')
  await expectMoments(biased, x, w)
})

test('a convolution of single pixels is a product', async () => {
  const pointwise: Made = (x, w) => conv2d(x, w)
  const [x, w] = [noise([2, 5, 7, 12], 0.7), noise([20, 1, 1, 12], 1.9)]
  expect(await opsOf(pointwise, x, w)).not.toContain('moments')
  await expectMoments(pointwise, x, w)
})
