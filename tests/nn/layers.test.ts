import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  compile,
  type Device,
  elu,
  groupNorm,
  huberLoss,
  mul,
  readAll,
  resize,
  rmsNorm,
  type Spec,
  spec,
  type Tensor,
  tensor,
} from '../../src/index.ts'
import * as nn from '../../src/nn/index.ts'
import { openDevice } from '../../src/node.ts'

let gpu: Device
beforeAll(async () => {
  gpu = await openDevice()
})
afterAll(() => gpu.close())

const wave = (n: number, phase = 0): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => Math.sin(1.7 * i + phase))

async function shapes(module: nn.Module): Promise<Record<string, readonly number[]>> {
  return Object.fromEntries(Object.entries(await module.stateDict()).map(([key, { shape }]) => [key, shape]))
}

describe('state dicts have the keys and shapes of PyTorch', () => {
  const cases: [string, () => nn.Module, Record<string, number[]>][] = [
    ['Conv1d', () => new nn.Conv1d(4, 6, 3, { groups: 2 }), { weight: [6, 2, 3], bias: [6] }],
    ['Conv1d without bias', () => new nn.Conv1d(4, 6, 3, { bias: false }), { weight: [6, 4, 3] }],
    ['ConvTranspose1d', () => new nn.ConvTranspose1d(4, 6, 5, { groups: 2 }), { weight: [4, 3, 5], bias: [6] }],
    ['ConvTranspose2d', () => new nn.ConvTranspose2d(4, 6, [3, 2]), { weight: [4, 6, 3, 2], bias: [6] }],
    ['GroupNorm', () => new nn.GroupNorm(2, 6), { weight: [6], bias: [6] }],
    ['GroupNorm without weights', () => new nn.GroupNorm(2, 6, { affine: false }), {}],
    ['InstanceNorm2d', () => new nn.InstanceNorm2d(6), {}],
    ['InstanceNorm2d with weights', () => new nn.InstanceNorm2d(6, { affine: true }), { weight: [6], bias: [6] }],
    ['RMSNorm', () => new nn.RMSNorm([2, 3]), { weight: [2, 3] }],
    [
      'BatchNorm1d',
      () => new nn.BatchNorm1d(3),
      { weight: [3], bias: [3], running_mean: [3], running_var: [3], num_batches_tracked: [] },
    ],
    ['PReLU', () => new nn.PReLU(3), { weight: [3] }],
    ['CrossEntropyLoss', () => new nn.CrossEntropyLoss(), {}],
  ]
  it.each(cases)('%s', async (_, make, expected) => {
    expect(await shapes(make())).toEqual(expected)
  })
})

it('a transposed convolution reads weights [in, out, kh, kw] as PyTorch writes them', async () => {
  const [inputs, outputs, kh, kw] = [2, 3, 2, 3]
  const layer = new nn.ConvTranspose2d(inputs, outputs, [kh, kw], { stride: 2, bias: false })
  const weight = wave(inputs * outputs * kh * kw)
  layer.loadStateDict({ weight: { shape: [inputs, outputs, kh, kw], data: weight } })
  expect(Array.from((await layer.stateDict()).weight?.data ?? [])).toEqual(Array.from(weight))
  const pixel = [0.5, -2]
  const y = await layer.forward(tensor(pixel, { shape: [1, 1, 1, inputs] })).data()
  for (let tap = 0; tap < kh * kw; tap++) {
    for (let o = 0; o < outputs; o++) {
      const own = pixel.reduce((sum, v, c) => sum + v * (weight[(c * outputs + o) * kh * kw + tap] as number), 0)
      expect(y[tap * outputs + o]).toBeCloseTo(own, 5)
    }
  }
})

it('one-dimensional convolutions read weights with the taps last', async () => {
  const x = tensor([1, 10], { shape: [1, 1, 2] })
  const weight = { shape: [1, 2, 3], data: [1, 2, 3, 4, 5, 6] }
  const forward = new nn.Conv1d(2, 1, 3, { padding: 1, bias: false })
  forward.loadStateDict({ weight })
  expect(Array.from(await forward.forward(x).data())).toEqual([2 + 50])
  const backward = new nn.ConvTranspose1d(1, 2, 3, { bias: false })
  backward.loadStateDict({ weight })
  expect(Array.from(await backward.forward(tensor([2], { shape: [1, 1, 1] })).data())).toEqual([2, 8, 4, 10, 6, 12])
})

it('BatchNorm1d does for rows and sequences what BatchNorm2d does for images', async () => {
  const values = wave(4 * 3)
  const run = async (layer: nn.Module, shape: number[]): Promise<number[]> => {
    const trained = Array.from(await layer.forward(tensor(values, { shape })).data())
    const tested = await layer.eval().forward(tensor(values, { shape })).data()
    return [...trained, ...tested]
  }
  const expected = await run(new nn.BatchNorm2d(3), [2, 1, 2, 3])
  expect(await run(new nn.BatchNorm1d(3), [4, 3])).toEqual(expected)
  expect(await run(new nn.BatchNorm1d(3), [2, 2, 3])).toEqual(expected)
})

it('modules do what their ops do', async () => {
  const x = tensor(wave(2 * 3 * 4 * 6), { shape: [2, 3, 4, 6] })
  const pairs: [Tensor, Tensor][] = [
    [new nn.GroupNorm(3, 6).forward(x), groupNorm(x, 3)],
    [new nn.InstanceNorm2d(6).forward(x), groupNorm(x, 6)],
    [new nn.RMSNorm(6).forward(x), rmsNorm(x, 6)],
    [new nn.Upsample({ scaleFactor: 2, mode: 'bilinear' }).forward(x), resize(x, [6, 8], { mode: 'bilinear' })],
    [new nn.AdaptiveAvgPool2d([3, 4]).forward(x), x],
    [new nn.Identity().forward(x), x],
    [new nn.ELU(0.5).forward(x), elu(x, 0.5)],
    [new nn.HuberLoss({ delta: 0.3 }).forward(x, mul(x, 2)), huberLoss(x, mul(x, 2), { delta: 0.3 })],
  ]
  for (const pair of pairs) {
    const [ours, theirs] = await readAll(pair)
    const worst = Math.max(...Array.from(ours ?? [], (v, i) => Math.abs(v - (theirs?.[i] as number))))
    expect(worst).toBeLessThan(1e-6)
  }
})

it('one-dimensional pooling goes along the sequence', async () => {
  const x = tensor([1, -1, 5, -2, 3, -3, 2, -9, 7, 0], { shape: [1, 5, 2] })
  const [largest, padded, average] = await readAll([
    new nn.MaxPool1d(2).forward(x),
    new nn.MaxPool1d(3, { stride: 2, padding: 1 }).forward(x),
    new nn.AvgPool1d(2, { stride: 3 }).forward(x),
  ])
  expect(Array.from(largest ?? [])).toEqual([5, -1, 3, -3])
  expect(Array.from(padded ?? [])).toEqual([5, -1, 5, -2, 7, 0])
  expect(Array.from(average ?? [])).toEqual([3, -1.5, 4.5, -4.5])
})

describe('errors', () => {
  it.each<[string, () => unknown]>([
    ['GroupNorm: 3 groups of 4 channels; the groups must divide the channels', () => new nn.GroupNorm(3, 4)],
    ['Upsample: neither size nor scaleFactor; give one of the two', () => new nn.Upsample({})],
    [
      'BatchNorm1d: the input is [1, 2, 2, 3]; it must be [N, 3] or [N, L, 3]',
      () => new nn.BatchNorm1d(3).forward(tensor(wave(12), { shape: [1, 2, 2, 3] })),
    ],
    [
      'MaxPool1d: the input is [2, 3]; it must be [sequences, length, channels]',
      () => new nn.MaxPool1d(2).forward(tensor(wave(6), { shape: [2, 3] })),
    ],
    [
      'GroupNorm: the input is [2, 3]; its last axis must be 4',
      () => new nn.GroupNorm(2, 4).forward(tensor(wave(6), { shape: [2, 3] })),
    ],
    [
      'InstanceNorm2d: the input is [2, 3, 4]; it must be [N, H, W, 4]',
      () => new nn.InstanceNorm2d(4).forward(tensor(wave(24), { shape: [2, 3, 4] })),
    ],
  ])('%s', (message, call) => {
    expect(call).toThrow(message)
  })
})

describe('forward hooks', () => {
  const make = (): nn.Sequential => new nn.Sequential(new nn.Linear(3, 4), new nn.ReLU(), new nn.Linear(4, 2))
  const input = (): Tensor => tensor(wave(6), { shape: [2, 3] })

  it('see activations, may replace them, and go without a trace', async () => {
    const model = make()
    const relu = model.layers[1] as nn.Module
    const plain = Array.from(await model.forward(input()).data())
    const seen: [readonly number[], readonly number[]][] = []
    const stop = nn.registerForwardHook(relu, (module, [x], y) => {
      expect(module).toBe(relu)
      seen.push([x?.shape ?? [], y.shape])
    })
    const restore = nn.registerForwardHook(relu, (_, __, y) => mul(y, 0))
    const zeroed = Array.from(await model.forward(input()).data())
    expect(seen).toEqual([
      [
        [2, 4],
        [2, 4],
      ],
    ])
    const bias = Array.from(await (model.layers[2] as nn.Linear).bias!.data())
    expect(zeroed).toEqual([...bias, ...bias])
    stop()
    stop()
    restore()
    expect(Array.from(await model.forward(input()).data())).toEqual(plain)
    expect(seen).toHaveLength(1)
    expect(Object.hasOwn(relu, 'forward')).toBe(false)
  })

  it('give activations to compiled functions', async () => {
    const model = make()
    let hidden: Tensor | undefined
    nn.registerForwardHook(model.layers[1] as nn.Module, (_, __, y) => {
      hidden = y
    })
    const run = compile((x: Tensor) => ({ y: model.forward(x), hidden: hidden as Tensor }))
    for (let i = 0; i < 2; i++) {
      const { y, hidden: inner } = run(input())
      const again = (model.layers[2] as nn.Linear).forward(inner)
      const [a, b] = await readAll([y, again])
      expect(a).toEqual(b)
    }
  })
})

describe('summary', () => {
  const make = (): nn.Sequential =>
    new nn.Sequential(
      new nn.Conv2d(1, 8, 3, { padding: 1 }),
      new nn.Sequential(new nn.ReLU(), new nn.AdaptiveAvgPool2d(1)),
      new nn.Flatten(),
      new nn.Dropout(0.1),
      new nn.Linear(8, 10),
    )
  const image: Spec = spec([2, 6, 6, 1])

  it('lists shapes, parameters, FLOPs and bytes', () => {
    const model = make()
    const modes = model.layers.map((layer) => layer.training)
    const table = nn.summary(model, image)
    expect(model.layers.map((layer) => layer.training)).toEqual(modes)
    expect(String(table)).toMatchInlineSnapshot(`
      "module  class              output        parameters   FLOPs  bytes
      0       Conv2d             [2, 6, 6, 8]          80  10,944  2,304
      1.0     ReLU               [2, 6, 6, 8]           0     576  2,304
      1.1     AdaptiveAvgPool2d  [2, 1, 1, 8]           0     576     64
      2       Flatten            [2, 8]                 0       0     64
      3       Dropout            [2, 8]                 0       0     64
      4       Linear             [2, 10]               90     340     80
      total                                           170  12,436  4,880"
    `)
    expect(table.parameters).toBe(8 * 9 + 8 + 80 + 10)
    expect(table.parameterBytes).toBe(4 * table.parameters)
    const conv = 2 * 2 * 36 * 8 * 9 + 2 * 36 * 8
    expect(table.rows[0]).toEqual({
      name: '0',
      type: 'Conv2d',
      shape: [2, 6, 6, 8],
      parameters: 80,
      flops: conv,
      bytes: 4 * 2 * 36 * 8,
    })
  })

  it('runs nothing on the device', () => {
    const before = gpu.pipelines.created
    nn.summary(make(), image)
    expect(gpu.pipelines.created).toBe(before)
  })

  it('counts work between modules once, in the total', () => {
    class Twice extends nn.Module {
      readonly layer: nn.Linear = new nn.Linear(3, 3)
      override forward(x: Tensor): Tensor {
        return mul(this.layer.forward(mul(this.layer.forward(x), 2)), 3)
      }
    }
    const { rows, flops, parameters } = nn.summary(new Twice(), spec([5, 3]))
    const linear = 2 * 5 * 3 * 3 + 15
    expect(rows.map((row) => [row.name, row.flops])).toEqual([
      ['layer', linear],
      ['layer', linear],
    ])
    expect(flops).toBe(2 * linear + 30)
    expect(parameters).toBe(12)
  })
})
