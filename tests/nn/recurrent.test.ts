import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readAll } from '../../src/graph/tensor.ts'
import {
  compile,
  concat,
  crossEntropy,
  type Device,
  detach,
  grad,
  manualSeed,
  mul,
  recurrent,
  reshape,
  slice,
  sum,
  type Tensor,
  tensor,
} from '../../src/index.ts'
import * as nn from '../../src/nn/index.ts'
import { openDevice } from '../../src/node.ts'
import { Adam } from '../../src/optim/index.ts'
import { distance } from '../golden/golden.ts'

let gpu: Device
beforeAll(async () => {
  gpu = await openDevice()
  manualSeed(5)
})
afterAll(() => gpu.close())

const layers = { LSTM: nn.LSTM, GRU: nn.GRU, RNN: nn.RNN }
const cells = { LSTM: nn.LSTMCell, GRU: nn.GRUCell, RNN: nn.RNNCell }
const kinds = ['LSTM', 'GRU', 'RNN'] as const

const wave = (shape: readonly number[], speed = 1.7, requiresGrad = false): Tensor =>
  tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(speed * i + 0.3)),
    { shape, requiresGrad },
  )
const bytes = (values: ArrayLike<number>): number[] => Array.from(new Uint32Array(Float32Array.from(values).buffer))

describe('a training step of a recurrent network with Adam', () => {
  function dispatchesOf(model: nn.LSTM | nn.GRU | nn.RNN, time: number): number {
    const head = new nn.Linear(model.hiddenSize, 4)
    const optimizer = new Adam([...model.parameters(), ...head.parameters()], { lr: 1e-3 })
    const step = compile((x: Tensor, y: Tensor) => {
      const output = model.forward(x)
      const last = reshape(slice(output, [null, [time - 1, time]]), [16, model.hiddenSize])
      const loss = crossEntropy(head.forward(last), y)
      optimizer.minimize(loss)
      return { loss }
    })
    return step.planFor(wave([16, time, 8]), tensor(new Int32Array(16), { shape: [16] })).cost().dispatches
  }

  it.each(kinds)('takes as few dispatches however long the sequence: %s', (cell) => {
    const counts = [32, 256].map((time) => dispatchesOf(new layers[cell](8, 64), time))
    expect(counts[0]).toBeLessThanOrEqual(20)
    expect(counts[1]).toBe(counts[0])
  })

  it('gives the same bits over 20 runs', async () => {
    const x = wave([16, 12, 8])
    const weights = await new nn.LSTM(8, 20).stateDict()
    const runs: string[] = []
    const model = new nn.LSTM(8, 20)
    const step = compile((input: Tensor) => {
      const { output, c } = model.run(input, { lengths: Array.from({ length: 16 }, (_, i) => 1 + (i % 12)) })
      const wanted = model.parameters()
      const gradients = grad(sum(mul(output, output)).add(sum(c as Tensor)), wanted)
      return { output, ...Object.fromEntries(gradients.map((g, i) => [`g${i}`, g])) }
    })
    model.loadStateDict(weights)
    for (let run = 0; run < 20; run++) {
      const values = await readAll(Object.values(step(x)))
      runs.push(values.map((v) => bytes(v).join()).join(';'))
    }
    expect(new Set(runs).size).toBe(1)
    expect(runs[0]).not.toContain('NaN')
  })
})

describe('padding', () => {
  it.each([
    ['GRU', () => new nn.GRU(3, 6, { numLayers: 2, bidirectional: true })],
    ['LSTM with projections', () => new nn.LSTM(3, 8, { projSize: 6, bidirectional: true })],
  ] as const)('changes no bit of outputs, last states and gradients: %s', async (_, build) => {
    const model = build()
    const lengths = [5, 2, 4]
    const data = Array.from(await wave([3, 5, 3]).data())
    const runWith = async (filler: number): Promise<number[][]> => {
      const filled = data.map((v, i) => (Math.floor(i / 3) % 5 < (lengths[Math.floor(i / 15)] as number) ? v : filler))
      const x = tensor(Float32Array.from(filled), { shape: [3, 5, 3], requiresGrad: true })
      const { output, h } = model.run(x, { lengths })
      const loss = sum(mul(output, wave(output.shape, 0.7))).add(sum(mul(h, h)))
      return (await readAll([output, h, ...grad(loss, [x, ...model.parameters()])])).map(bytes)
    }
    const [a, b] = [await runWith(0), await runWith(1e3)]
    expect(b).toEqual(a)
    const output = new Float32Array(Uint32Array.from(a[0] as number[]).buffer)
    // Row 1 has two valid steps of five.
    expect(Array.from(output.subarray(12 * 7, 12 * 10))).toEqual(new Array(36).fill(0))
    expect(output.subarray(12 * 5, 12 * 7).every((v) => v !== 0)).toBe(true)
  })
})

describe('states', () => {
  it.each(kinds)('carried from one part of a sequence to the next: %s', async (cell) => {
    const model = new layers[cell](4, 7, { numLayers: 2 })
    const x = wave([2, 9, 4])
    const whole = model.run(x)
    const first = model.run(slice(x, [null, [0, 5]]))
    const second = model.run(slice(x, [null, [5, 9]]), { h: first.h, c: first.c })
    const joined = concat([first.output, second.output], 1)
    const [a, b, h, k] = await readAll([whole.output, joined, whole.h, second.h])
    expect(bytes(b as ArrayLike<number>)).toEqual(bytes(a as ArrayLike<number>))
    expect(bytes(k as ArrayLike<number>)).toEqual(bytes(h as ArrayLike<number>))
  })

  it('given as arguments end the gradient there: truncated backpropagation', async () => {
    const model = new nn.LSTM(3, 4)
    const x = wave([2, 6, 3])
    const parts = [slice(x, [null, [0, 3]]), slice(x, [null, [3, 6]])] as const
    const lossOf = (output: Tensor): Tensor => sum(mul(output, output))
    const step = compile((input: Tensor, h: Tensor, c: Tensor) => {
      const made = model.run(input, { h, c })
      const [gradient] = grad(lossOf(made.output), [model.parameters()[1] as Tensor])
      return { h: made.h, c: made.c as Tensor, gradient: gradient as Tensor }
    })
    const zeros = tensor(new Float32Array(8), { shape: [1, 2, 4] })
    const first = step(parts[0], zeros, zeros)
    const before = await first.gradient.data()
    const after = await step(parts[1], first.h, first.c).gradient.data()
    const truncated = Array.from(before, (v, i) => v + (after[i] as number))

    const gradientOf = async (cut: (t: Tensor) => Tensor): Promise<ArrayLike<number>> => {
      const { output, h, c } = model.run(parts[0])
      const next = model.run(parts[1], { h: cut(h), c: cut(c as Tensor) })
      const [gradient] = grad(lossOf(output).add(lossOf(next.output)), [model.parameters()[1] as Tensor])
      return (gradient as Tensor).data()
    }
    expect(distance(truncated, await gradientOf(detach))).toBeLessThan(1e-5)
    expect(distance(truncated, await gradientOf((t) => t))).toBeGreaterThan(1e-3)
  })

  it('of cells go step by step as the layers do', async () => {
    const x = wave([3, 4, 5])
    const at = (t: number): Tensor => reshape(slice(x, [null, [t, t + 1]]), [3, 5])
    for (const kind of kinds) {
      const layer = new layers[kind](5, 6)
      const cell = new cells[kind](5, 6)
      const state = await layer.stateDict()
      cell.loadStateDict(Object.fromEntries(Object.entries(state).map(([key, v]) => [key.replace('_l0', ''), v])))
      let now: { h: Tensor; c?: Tensor } = {
        h: wave([3, 6], 0.4),
        ...(kind === 'LSTM' ? { c: wave([3, 6], 0.9) } : {}),
      }
      const lift = (t: Tensor | undefined): Tensor | null => (t ? reshape(t, [1, 3, 6]) : null)
      const { h, c } = layer.run(x, { h: lift(now.h), c: lift(now.c) })
      for (let t = 0; t < 4; t++)
        now =
          cell instanceof nn.LSTMCell
            ? cell.step(at(t), now as { h: Tensor; c: Tensor })
            : { h: (cell as nn.GRUCell | nn.RNNCell).forward(at(t), now.h) }
      expect(distance(await now.h.data(), await h.data()), kind).toBeLessThan(1e-5)
      if (c && now.c) expect(distance(await now.c.data(), await c.data())).toBeLessThan(1e-5)
    }
  })
})

describe('dropout', () => {
  it('is between layers, in training alone', async () => {
    const model = new nn.RNN(4, 32, { numLayers: 2, dropout: 0.5 })
    const x = wave([2, 3, 4])
    const outputs = async (): Promise<number[]> => bytes(await model.forward(x).data())
    expect(await outputs()).not.toEqual(await outputs())
    model.eval()
    expect(await outputs()).toEqual(await outputs())
  })
})

describe('a state that does not fit a workgroup', () => {
  it('is not refused', async () => {
    const units = 2800
    const w = tensor(new Float32Array(units * units).fill(1 / units), { shape: [units, units] })
    const ones = tensor(new Float32Array(2 * units).fill(1), { shape: [1, 2, units] })
    const { last } = recurrent('relu', ones, w)
    const values = await last.data()
    expect(values.every((v) => Math.abs(v - 2) < 1e-4)).toBe(true)
  })
})

describe('errors', () => {
  it('name the layer and what it takes', () => {
    const lstm = new nn.LSTM(3, 4)
    expect(() => new nn.LSTM(0, 4)).toThrow('LSTM: inputSize is 0; it must be a whole number of at least 1')
    expect(() => new nn.LSTM(3, 4, { projSize: 4 })).toThrow(
      'LSTM: projSize is 4; it must be a whole number below hiddenSize, 4',
    )
    expect(() => lstm.forward(wave([2, 3]))).toThrow('LSTM: the input is [2, 3]; it must be [B, T, 3]')
    expect(() => lstm.run(wave([2, 5, 3]), { h: wave([1, 2, 4]) })).toThrow('LSTM: h alone; give both h and c')
    expect(() => lstm.run(wave([2, 5, 3]), { h: wave([1, 2, 5]), c: wave([1, 2, 5]) })).toThrow(
      'LSTM: h is [1, 2, 5]; it must be [1, 2, 4]',
    )
    expect(() => new nn.GRUCell(3, 4).forward(wave([2, 4]))).toThrow('GRUCell: the input is [2, 4]; it must be [B, 3]')
  })
})
