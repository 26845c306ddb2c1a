import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Device, grad, manualSeed, reflectionPad, type Tensor, tensor } from '../../src/index.ts'
import * as nn from '../../src/nn/index.ts'
import { openDevice } from '../../src/node.ts'

let gpu: Device
beforeAll(async () => {
  gpu = await openDevice()
  manualSeed(3)
})
afterAll(() => gpu.close())

const wave = (n: number): Float32Array => Float32Array.from({ length: n }, (_, i) => Math.sin(1.7 * i))
const numbers = async (t: Tensor): Promise<number[]> => Array.from(await t.data())

describe('initial weights', () => {
  const moments = (values: readonly number[]): { mean: number; std: number } => {
    const mean = values.reduce((a, b) => a + b, 0) / values.length
    return { mean, std: Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length) }
  }

  it('have the deviations of their papers, by the fans of linear and convolution weights alike', async () => {
    const conv = new nn.Conv2d(32, 64, 3)
    expect(nn.init.fans(conv.weight.shape)).toEqual({ fanIn: 32 * 9, fanOut: 64 * 9 })
    const cases: [() => void, number][] = [
      [() => nn.init.kaimingNormal_(conv.weight), Math.sqrt(2 / 288)],
      [() => nn.init.kaimingUniform_(conv.weight), Math.sqrt(2 / 288)],
      [() => nn.init.xavierNormal_(conv.weight, 2), 2 * Math.sqrt(2 / (288 + 576))],
      [() => nn.init.xavierUniform_(conv.weight), Math.sqrt(2 / (288 + 576))],
      [() => nn.init.normal_(conv.weight, 0, 3), 3],
      // The deviation of a normal number that is known to lie within two deviations.
      [() => nn.init.truncNormal_(conv.weight, 0, 1), 0.8796],
    ]
    for (const [set, std] of cases) {
      set()
      const seen = moments(await numbers(conv.weight))
      // Five standard deviations of the deviation of 18,432 numbers.
      expect(Math.abs(seen.std / std - 1)).toBeLessThan(5 / Math.sqrt(2 * 18432))
      expect(Math.abs(seen.mean)).toBeLessThan((5 * std) / Math.sqrt(18432))
    }
    expect(Math.max(...(await numbers(conv.weight)).map(Math.abs))).toBeLessThanOrEqual(2)
    nn.init.ones_(conv.bias!)
    expect(new Set(await numbers(conv.bias!))).toEqual(new Set([1]))
  })

  it.each([
    [5, 3],
    [3, 8],
    [32, 32],
  ])('of an orthogonal matrix [%i, %i] have products 0 and squares 1', async (rows, columns) => {
    const q = await numbers(nn.init.orthogonal([rows, columns], 2))
    const isWide = rows < columns
    const few = Math.min(rows, columns)
    const at = (line: number, k: number): number => (isWide ? q[line * columns + k]! : q[k * columns + line]!)
    for (let i = 0; i < few; i++) {
      for (let j = 0; j <= i; j++) {
        let product = 0
        for (let k = 0; k < Math.max(rows, columns); k++) product += at(i, k) * at(j, k)
        expect(product).toBeCloseTo(i === j ? 4 : 0, 4)
      }
    }
  })
})

describe('containers', () => {
  it('name modules and parameters as PyTorch does', async () => {
    class Model extends nn.Module {
      readonly heads = new nn.ModuleDict({ value: new nn.Linear(2, 1), policy: new nn.Linear(2, 3, { bias: false }) })
      readonly scales = new nn.ParameterList([new nn.Parameter(tensor([1, 2])), new nn.Parameter(tensor([3]))])
      override forward(x: Tensor): Tensor {
        return this.heads.get('policy').forward(x)
      }
    }
    const model = new Model()
    expect(Object.keys(await model.stateDict())).toEqual([
      'heads.value.weight',
      'heads.value.bias',
      'heads.policy.weight',
      'scales.0',
      'scales.1',
    ])
    model.loadStateDict({ 'scales.1': { shape: [1], data: [5] } }, { strict: false })
    expect(await numbers(model.scales.items[1]!)).toEqual([5])
    expect(model.parameters()).toHaveLength(5)
    expect(model.forward(tensor(wave(2), { shape: [1, 2] })).shape).toEqual([1, 3])
    expect(() => model.heads.get('q')).toThrow('ModuleDict: there is no q; it has value, policy')
    const shown = nn.summary(model, { shape: [4, 2], dtype: 'f32' })
    expect(shown.rows.map(({ name, type, shape, parameters }) => [name, type, shape, parameters])).toEqual([
      ['heads.policy', 'Linear', [4, 3], 6],
    ])
    expect(shown.parameters).toBe(3 + 6 + 3)
  })
})

describe('layers', () => {
  it('Bilinear is the sum over both inputs', async () => {
    const layer = new nn.Bilinear(2, 3, 2)
    const [w, bias] = [wave(12), [0.5, -1]]
    layer.loadStateDict({ weight: { shape: [2, 2, 3], data: w }, bias: { shape: [2], data: bias } })
    const [a, b] = [wave(4), wave(6).map((v) => v + 1)]
    const y = layer.forward(tensor(a, { shape: [1, 2, 2] }), tensor(b, { shape: [1, 2, 3] }))
    expect(y.shape).toEqual([1, 2, 2])
    const seen = await numbers(y)
    for (let r = 0; r < 2; r++) {
      for (let o = 0; o < 2; o++) {
        let expected = bias[o]!
        for (let i = 0; i < 2; i++)
          for (let j = 0; j < 3; j++) expected += a[2 * r + i]! * w[(o * 2 + i) * 3 + j]! * b[3 * r + j]!
        expect(seen[2 * r + o]).toBeCloseTo(expected, 5)
      }
    }
    expect(() => layer.forward(tensor(a, { shape: [2, 2] }), tensor(b, { shape: [3, 2] }))).toThrow(
      'Bilinear: the inputs are [2, 2] and [3, 2]; they must be [..., 2] and [..., 3] with the same axes before',
    )
  })

  it('an embedding leaves its padding row alone', async () => {
    const layer = new nn.Embedding(4, 3, { paddingIdx: 1 })
    const rows = await numbers(layer.weight)
    expect(rows.slice(3, 6)).toEqual([0, 0, 0])
    expect(rows.filter((v) => v === 0)).toHaveLength(3)
    const y = layer.forward(tensor(Int32Array.of(1, 2, 1, 2)))
    const slope = await numbers(grad(y.sum(), [layer.weight])[0]!)
    expect(slope).toEqual([0, 0, 0, 0, 0, 0, 2, 2, 2, 0, 0, 0])
    expect(() => new nn.Embedding(4, 3, { paddingIdx: 4 })).toThrow(
      'Embedding: paddingIdx is 4; it must be a row, from 0 to 3',
    )
  })

  it('Dropout2d drops whole channels', async () => {
    const layer = new nn.Dropout2d(0.5)
    const x = tensor(new Float32Array(8 * 3 * 16).fill(1), { shape: [8, 3, 16] })
    const y = await numbers(layer.forward(x))
    const channels = Array.from(
      { length: 128 },
      (_, i) => new Set([0, 1, 2].map((h) => y[(Math.floor(i / 16) * 3 + h) * 16 + (i % 16)]!)),
    )
    for (const values of channels) expect(values.size).toBe(1)
    expect(new Set(y)).toEqual(new Set([0, 2]))
    expect(await numbers(layer.eval().forward(x))).toEqual(await numbers(x))
  })

  it('padding goes left, right, top, bottom', async () => {
    const x = tensor([1, 2, 3, 4, 5, 6], { shape: [1, 2, 3, 1] })
    expect(await numbers(new nn.ZeroPad2d([1, 0, 0, 1]).forward(x))).toEqual([0, 1, 2, 3, 0, 4, 5, 6, 0, 0, 0, 0])
    const mirrored = new nn.ReflectionPad2d([2, 1, 1, 0]).forward(x)
    expect(await numbers(mirrored)).toEqual(
      await numbers(
        reflectionPad(x, [
          [0, 0],
          [1, 0],
          [2, 1],
          [0, 0],
        ]),
      ),
    )
    expect((await numbers(mirrored)).slice(0, 6)).toEqual([6, 5, 4, 5, 6, 5])
    expect(await numbers(new nn.ReplicationPad2d([0, 1, 0, 0]).forward(x))).toEqual([1, 2, 3, 3, 4, 5, 6, 6])
    expect(new nn.Unflatten(1, [1, 2]).forward(x).shape).toEqual([1, 1, 2, 3, 1])
    expect(new nn.PixelUnshuffle(1).forward(new nn.PixelShuffle(1).forward(x)).shape).toEqual(x.shape)
    expect(await numbers(new nn.GLU(1).forward(tensor([1, 0], { shape: [1, 2] })))).toEqual([0.5])
    expect(await numbers(new nn.Hardtanh(-2, 2).forward(x))).toEqual([1, 2, 2, 2, 2, 2])
  })
})
