import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  compile,
  crossEntropy,
  type Device,
  dropout,
  generator,
  manualSeed,
  mean,
  mul,
  noGrad,
  ones,
  readAll,
  spec,
  sub,
  type Tensor,
  tensor,
} from '../../src/index.ts'
import * as nn from '../../src/nn/index.ts'
import { openDevice } from '../../src/node.ts'
import { Adam, AdamW, SGD } from '../../src/optim/index.ts'

let gpu: Device
beforeAll(async () => {
  gpu = await openDevice()
})
afterAll(() => gpu.close())

const wave = (n: number, phase = 0): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => Math.sin(1.7 * i + phase))
const classes = (n: number): Tensor => tensor(Int32Array.from({ length: n }, (_, i) => i % 3))

function makeMlp(): nn.Sequential {
  manualSeed(7)
  return new nn.Sequential(new nn.Linear(5, 16), new nn.ReLU(), new nn.Linear(16, 3))
}

async function weights(model: nn.Module): Promise<number[]> {
  return (await readAll(model.parameters())).flatMap((a) => Array.from(a))
}

describe('an optimizer', () => {
  it('does the same eagerly and in a compiled step, bit for bit', async () => {
    const x = tensor(wave(40), { shape: [8, 5] })
    const y = classes(8)
    const results: number[][] = []
    for (const compiled of [false, true]) {
      const model = makeMlp()
      const optimizer = new AdamW(model.parameters(), { lr: 0.01 })
      const run = (a: Tensor, b: Tensor): void => optimizer.minimize(crossEntropy(model.forward(a), b))
      const step = compiled ? compile(run) : run
      for (let i = 0; i < 5; i++) step(x, y)
      expect(optimizer.steps).toBe(5)
      results.push(await weights(model))
    }
    expect(results[0]).toEqual(results[1])
  })

  it('takes a changed learning rate as data, without a new plan', async () => {
    const model = makeMlp()
    const optimizer = new SGD(model.parameters(), { lr: 0.5 })
    const step = compile(
      (x: Tensor, y: Tensor) => {
        const loss = crossEntropy(model.forward(x), y)
        optimizer.minimize(loss)
        return { loss }
      },
      { verify: 1 },
    )
    const x = tensor(wave(40), { shape: [8, 5] })
    const y = classes(8)
    step(x, y)
    const before = await weights(model)
    const made = gpu.pipelines.created
    optimizer.lr = 0
    step(x, y)
    expect(await weights(model)).toEqual(before)
    expect(gpu.pipelines.created).toBe(made)
    optimizer.lr = 0.5
    step(x, y)
    expect(await weights(model)).not.toEqual(before)
  })

  it('keeps groups with options of their own', async () => {
    const model = makeMlp()
    const [w1, b1, w2, b2] = model.parameters() as [nn.Parameter, nn.Parameter, nn.Parameter, nn.Parameter]
    const optimizer = new Adam([{ params: [w1, w2] }, { params: [b1, b2], lr: 0 }], { lr: 0.1 })
    const [biases, kernel] = await readAll([b1, w1])
    optimizer.minimize(crossEntropy(model.forward(tensor(wave(40), { shape: [8, 5] })), classes(8)))
    const [biasesAfter, kernelAfter] = await readAll([b1, w1])
    expect(biasesAfter).toEqual(biases)
    expect(kernelAfter).not.toEqual(kernel)
  })
})

describe('a compiled step', () => {
  it('is traced again when modules change their mode, and not before', async () => {
    manualSeed(3)
    const layer = new nn.Dropout(0.5)
    let traces = 0
    const step = compile((x: Tensor) => {
      traces++
      return { y: layer.forward(x) }
    })
    const x = ones([4000])
    const share = async (): Promise<number> => {
      const values = await step(x).y.data()
      return values.filter((v) => v === 0).length / values.length
    }
    expect(await share()).toBeCloseTo(0.5, 1)
    layer.p = 0.1
    expect(await share()).toBeCloseTo(0.1, 1)
    expect(traces).toBe(1)
    layer.eval()
    expect(await share()).toBe(0)
    layer.train()
    expect(await share()).toBeCloseTo(0.1, 1)
    expect(traces).toBe(2)
  })

  it('draws other numbers at each step, and the same ones after the generator is put back', async () => {
    manualSeed(11)
    const step = compile((x: Tensor) => ({ a: dropout(x, 0.5), b: dropout(x, 0.5) }))
    const x = ones([64])
    const draw = async (): Promise<string> => {
      const { a, b } = step(x)
      return (await readAll([a, b])).map((v) => v.join('')).join(' ')
    }
    const first = await draw()
    const saved = { ...generator() }
    const second = await draw()
    expect(new Set([...first.split(' '), ...second.split(' ')]).size).toBe(4)
    Object.assign(generator(), saved)
    expect(await draw()).toBe(second)
  })

  it('shares memory between batch sizes and evaluation', async () => {
    const model = makeMlp()
    const optimizer = new Adam(model.parameters())
    const train = compile((x: Tensor, y: Tensor) => {
      const loss = crossEntropy(model.forward(x), y)
      optimizer.minimize(loss)
      return { loss }
    })
    const evaluate = compile((x: Tensor) => noGrad(() => model.forward(x)).argmax(-1))
    const full = await train.prepare([spec([512, 5]), spec([512], 'i32')])
    const part = await train.prepare([spec([40, 5]), spec([40], 'i32')])
    const evaluated = await evaluate.prepare([spec([512, 5])])
    const arguments_ = 512 * 5 * 4 + 512 * 4 + 8 * 512 * 4
    expect(part.peakBytes - full.peakBytes).toBeLessThan(20_000)
    expect(evaluated.peakBytes - part.peakBytes).toBeLessThan(arguments_ + 12_000)
    const staging = gpu.readback.allocated
    train(tensor(wave(2560), { shape: [512, 5] }), classes(512))
    train(tensor(wave(200), { shape: [40, 5] }), classes(40))
    const labels = await evaluate(tensor(wave(2560), { shape: [512, 5] })).data()
    expect(labels).toHaveLength(512)
    expect(gpu.pool.allocated).toBe(evaluated.peakBytes - staging)
  })
})

describe('state', () => {
  it('keeps what a lazy tensor saw of a parameter that is trained afterwards', async () => {
    const model = makeMlp()
    const [w] = model.parameters() as [nn.Parameter]
    const before = Array.from(await w.data())
    const doubled = mul(w, 2)
    const optimizer = new SGD(model.parameters(), { lr: 1 })
    const step = compile((x: Tensor) => optimizer.minimize(mean(model.forward(x))))
    step(tensor(wave(40), { shape: [8, 5] }))
    expect(Array.from(await w.data())).not.toEqual(before)
    expect(Array.from(await doubled.data())).toEqual(before.map((v) => Math.fround(2 * v)))
  })

  it('survives a round trip through PyTorch layout', async () => {
    const make = (): nn.Sequential =>
      new nn.Sequential(new nn.Conv2d(3, 4, 3), new nn.BatchNorm2d(4), new nn.Flatten(), new nn.Linear(4 * 4 * 4, 2))
    const [a, b] = [make(), make()]
    const x = tensor(wave(2 * 36 * 3), { shape: [2, 6, 6, 3] })
    await a.forward(x).data()
    const state = await a.stateDict()
    expect(Object.keys(state)).toEqual([
      '0.weight',
      '0.bias',
      '1.weight',
      '1.bias',
      '1.running_mean',
      '1.running_var',
      '1.num_batches_tracked',
      '3.weight',
      '3.bias',
    ])
    expect(state['0.weight']?.shape).toEqual([4, 3, 3, 3])
    expect(state['1.num_batches_tracked']?.data[0]).toBe(1)
    b.loadStateDict(state)
    const [ya, yb] = await readAll([a.eval().forward(x), b.eval().forward(x)])
    expect(yb).toEqual(ya)
    expect(await b.stateDict()).toEqual(state)
  })

  it('follows the running statistics in evaluation', async () => {
    const layer = new nn.BatchNorm2d(2, { momentum: 0.5 })
    const values = wave(3 * 4 * 2)
    const x = tensor(values, { shape: [3, 2, 2, 2] })
    await layer.forward(x).data()
    const [running, variance] = await readAll([layer.runningMean!, layer.runningVar!])
    for (const c of [0, 1]) {
      const own = values.filter((_, i) => i % 2 === c)
      const average = own.reduce((s, v) => s + v, 0) / own.length
      const unbiased = own.reduce((s, v) => s + (v - average) ** 2, 0) / (own.length - 1)
      expect(running?.[c]).toBeCloseTo(0.5 * average, 5)
      expect(variance?.[c]).toBeCloseTo(0.5 + 0.5 * unbiased, 5)
    }
    const y = await layer.eval().forward(x).data()
    expect(y[0]).toBeCloseTo(
      ((values[0] as number) - (running?.[0] as number)) / Math.sqrt((variance?.[0] as number) + 1e-5),
      4,
    )
  })

  it('names missing, unexpected and misshapen keys, and changes nothing then', async () => {
    const model = makeMlp()
    const before = await weights(model)
    const state = await model.stateDict()
    const { '0.bias': _, ...rest } = state
    const bad = {
      ...rest,
      '2.weight': { shape: [16, 3], data: new Float32Array(48) },
      extra: { shape: [1], data: [0] },
    }
    expect(() => model.loadStateDict(bad)).toThrowErrorMatchingInlineSnapshot(
      `[WgradError: loadStateDict: missing 0.bias [16]; unexpected extra [1]; 2.weight is [16, 3] with 48 values, the model's is [3, 16]; load weights of the same architecture, or pass { strict: false }]`,
    )
    expect(await weights(model)).toEqual(before)
  })
})

it('trains without compile', async () => {
  const w = new nn.Parameter(tensor([0.5, -1, 2]))
  const optimizer = new SGD([w], { lr: 0.1 })
  const target = tensor([1, 1, 1])
  for (let i = 0; i < 60; i++) {
    const e = sub(w, target)
    optimizer.minimize(mean(mul(e, e)))
  }
  for (const v of await w.data()) expect(v).toBeCloseTo(1, 1)
})
