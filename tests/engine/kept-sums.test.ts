import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  add,
  type Compiled,
  compile,
  conv2d,
  type Device,
  gelu,
  grad,
  matmul,
  mul,
  openDevice,
  relu,
  reshape,
  silu,
  sum,
  type Tensor,
  tensor,
} from '../../src/index.ts'

let device: Device
beforeAll(async () => {
  device = await openDevice()
})
afterAll(() => device.close())

type Layer = (x: Tensor, w: Tensor, b: Tensor) => Tensor
type Numbers = readonly number[]

/** A layer, what it computes in double precision, and the dispatches of it, a product behind it, and all gradients. */
interface Case {
  readonly shapes: readonly Numbers[]
  readonly dispatches: number
  layer(activate: (z: Tensor) => Tensor): Layer
  values(activate: (z: number) => number, x: Numbers, w: Numbers, b: Numbers): number[]
}

const [rows, depth, columns] = [5, 4, 6]

/** x [5, 4] times w [4, 6]. */
function product(x: Numbers, w: Numbers): number[] {
  return Array.from({ length: rows * columns }, (_, i) => {
    const [m, n] = [Math.floor(i / columns), i % columns]
    return Array.from(
      { length: depth },
      (_, k) => (x[m * depth + k] as number) * (w[k * columns + n] as number),
    ).reduce((a, c) => a + c)
  })
}

/** x [1, 4, 4, 2] convolved with w [3, 3, 3, 2]. */
function convolution(x: Numbers, w: Numbers): number[] {
  return Array.from({ length: 2 * 2 * 3 }, (_, i) => {
    const [p, q, o] = [Math.floor(i / 6), Math.floor(i / 3) % 2, i % 3]
    let total = 0
    for (let r = 0; r < 3; r++)
      for (let s = 0; s < 3; s++)
        for (let c = 0; c < 2; c++)
          total += (x[((p + r) * 4 + q + s) * 2 + c] as number) * (w[((o * 3 + r) * 3 + s) * 2 + c] as number)
    return total
  })
}

const biased = (values: Numbers, b: Numbers): number[] => values.map((v, i) => v + (b[i % b.length] as number))

const cases: Record<string, Case> = {
  product: {
    shapes: [[rows, depth], [depth, columns], [columns]],
    // The layer, the product, the gradients of the layer's sums, of x, w and b.
    dispatches: 6,
    layer: (activate) => (x, w, b) => activate(add(matmul(x, w), b)),
    values: (activate, x, w, b) => biased(product(x, w), b).map(activate),
  },
  'gated product': {
    shapes: [[rows, depth], [depth, columns], [columns]],
    // Two products, weights above zero; each product's gradient of its sums comes with the other's, and is one for x and one for w; b, two sums.
    dispatches: 10,
    layer: (activate) => (x, w, b) => mul(activate(add(matmul(x, w), b)), matmul(x, relu(w))),
    values: (activate, x, w, b) => {
      const gate = product(
        x,
        w.map((v) => Math.max(v, 0)),
      )
      return biased(product(x, w), b).map((z, i) => activate(z) * (gate[i] as number))
    },
  },
  convolution: {
    shapes: [[1, 4, 4, 2], [3, 3, 3, 2], [3]],
    // That of b comes with that of w.
    dispatches: 5,
    layer: (activate) => (x, w, b) => activate(conv2d(x, w, { bias: b })),
    values: (activate, x, w, b) => biased(convolution(x, w), b).map(activate),
  },
}

const tanhGelu = (z: number): number => 0.5 * z * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (z + 0.044715 * z ** 3)))

// Their gradients read what they are applied to.
const activations: readonly [string, (z: Tensor) => Tensor, (z: number) => number][] = [
  ['gelu', (z) => gelu(z, { approximate: 'tanh' }), tanhGelu],
  ['silu', silu, (z) => z / (1 + Math.exp(-z))],
]

/** Behind each layer, for each of its columns. */
const last = [1, -2, 0.5, 1, 3, -1]

/** The gradients of a sum of squares behind a layer and a product. */
function trained(layer: Layer): Compiled<[Tensor, Tensor, Tensor], Record<string, Tensor>> {
  return compile((x: Tensor, w: Tensor, b: Tensor) => {
    const v = tensor(Float32Array.from(last.slice(0, b.size)), { shape: [b.size, 1] })
    const y = matmul(reshape(layer(x, w, b), [-1, b.size]), v)
    const [dx, dw, db] = grad(sum(mul(y, y)), [x, w, b]) as [Tensor, Tensor, Tensor]
    return { dx, dw, db }
  })
}

/** The gradient of that sum with respect to each element of argument `at`. */
function differences(
  values: Case['values'],
  activate: (z: number) => number,
  args: readonly Numbers[],
  at: number,
): number[] {
  const loss = (i: number, by: number): number => {
    const [x, w, b] = args.map((a, k) => (k === at ? a.map((e, j) => (j === i ? e + by : e)) : a)) as [
      Numbers,
      Numbers,
      Numbers,
    ]
    const y = values(activate, x, w, b)
    const ends = y.map((v, j) => v * (last[j % b.length] as number))
    let total = 0
    for (let r = 0; r < y.length; r += b.length) total += ends.slice(r, r + b.length).reduce((p, q) => p + q) ** 2
    return total
  }
  return (args[at] as Numbers).map((_, i) => (loss(i, 1e-5) - loss(i, -1e-5)) / 2e-5)
}

describe.each(Object.entries(cases))('behind a %s', (_, { shapes, dispatches, layer, values }) => {
  test.each(activations)('%s is stored beside the sums that its gradient reads', async (_, activate, exact) => {
    const step = trained(layer(activate))
    const numbers = shapes.map((shape, k) =>
      Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.fround(Math.sin((0.7 + 0.6 * k) * (i + 1)))),
    )
    const args = numbers.map((v, k) =>
      tensor(Float32Array.from(v), { shape: shapes[k] as Numbers, requiresGrad: true }),
    ) as [Tensor, Tensor, Tensor]
    expect(step.planFor(...args).cost().dispatches).toBe(dispatches)

    const outs = Object.values(step(...args))
    for (const [at, out] of outs.entries()) {
      const expected = differences(values, exact, numbers, at)
      const got = await out.data()
      expected.forEach((v, i) => {
        expect(got[i]).toBeCloseTo(v, 3)
      })
    }
  })
})

test('what needs a sum of the product too waits for it', async () => {
  const [x, w] = [
    tensor(Float32Array.of(1, -2, 3, 4), { shape: [2, 2] }),
    tensor(Float32Array.of(1, 2, -1, 1), { shape: [2, 2] }),
  ]
  const step = compile((a: Tensor, b: Tensor) => {
    const z = matmul(a, b)
    const y = silu(sum(z).mul(z))
    return { z, y, again: matmul(y, b) }
  })
  const { z, y } = step(x, w)
  const [sums, values] = [await z.data(), await y.data()]
  const total = Array.from(sums).reduce((a, b) => a + b, 0)
  expect(Array.from(sums)).toEqual([3, 0, -1, 10])
  Array.from(values).forEach((v, i) => {
    const t = total * (sums[i] as number)
    expect(v).toBeCloseTo(t / (1 + Math.exp(-t)), 4)
  })
})
