import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readAll } from '../../src/graph/tensor.ts'
import { type Device, grad, mul, sum, type Tensor, tensor } from '../../src/index.ts'
import * as nn from '../../src/nn/index.ts'
import { openDevice } from '../../src/node.ts'
import { uniform } from './formula.ts'
import { distance, sizeOf } from './golden.ts'

interface Entry {
  shape: number[]
  at: number
}

/** What recurrent.py writes. */
interface Manifest {
  sizes: { batch: number; time: number; inputs: number; units: number; layers: number; projected: number }
  bound: number
  lengths: number[]
  models: Record<
    string,
    { seed: number; keys: string[]; results: Record<string, Entry>; gradients: Record<string, Entry> }
  >
}

const folder = new URL('./data/', import.meta.url)
const golden = JSON.parse(readFileSync(new URL('recurrent.json', folder), 'utf8')) as Manifest
const bytes = readFileSync(new URL('recurrent.bin', folder))
const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
const expected = ({ shape, at }: Entry): Float32Array =>
  Float32Array.from({ length: sizeOf(shape) }, (_, i) => view.getFloat32(4 * (at + i), true))
const { batch, time, inputs, units, layers, projected } = golden.sizes
const options = { numLayers: layers, bidirectional: true }
const models: Record<string, () => nn.LSTM | nn.GRU | nn.RNN> = {
  LSTM: () => new nn.LSTM(inputs, units, options),
  GRU: () => new nn.GRU(inputs, units, options),
  'RNN tanh': () => new nn.RNN(inputs, units, options),
  'RNN relu': () => new nn.RNN(inputs, units, { ...options, nonlinearity: 'relu' }),
  'LSTM projected': () => new nn.LSTM(inputs, units, { ...options, projSize: projected }),
}

let device: Device
beforeAll(async () => {
  device = await openDevice()
})
afterAll(() => device.close())

/** The model with its weights, what it makes of the batch, and the tensors whose gradients are known. */
function run(name: string): { results: Record<string, Tensor>; gradients: Record<string, Tensor>; keys: string[] } {
  const { seed } = golden.models[name]!
  const model = models[name]!()
  const named = model.namedParameters()
  model.loadStateDict(
    Object.fromEntries(
      named.map(([key, { shape }], k) => {
        const data = Float32Array.from(uniform(seed, k, sizeOf(shape)), (u) => golden.bound * u)
        return [key, { shape, data }]
      }),
    ),
  )
  const numbers = (stream: number, shape: readonly number[], requiresGrad = false): Tensor =>
    tensor(Float32Array.from(uniform(seed, stream, sizeOf(shape))), { shape, requiresGrad })
  const states = [2 * layers, batch, units]
  const x = numbers(1000, [batch, time, inputs], true)
  const h = numbers(1001, [2 * layers, batch, model.projSize || units], true)
  const c = model instanceof nn.LSTM ? numbers(1002, states, true) : null
  const made = model.run(x, { h, c, lengths: golden.lengths })
  const results = { output: made.output, h: made.h, ...(made.c ? { c: made.c } : {}) }
  const loss = Object.values(results)
    .map((t, k) => sum(mul(t, numbers(1003 + k, t.shape))))
    .reduce((a, b) => a.add(b))
  const wanted = { x, h, ...(c ? { c } : {}), ...Object.fromEntries(named) }
  const gradients = grad(loss, Object.values(wanted))
  return {
    results,
    gradients: Object.fromEntries(Object.keys(wanted).map((key, i) => [key, gradients[i] as Tensor])),
    keys: named.map(([key]) => key),
  }
}

describe.each(Object.keys(models))('%s of two layers in both directions over rows of various lengths', (name) => {
  it("has PyTorch's keys, outputs, last states and gradients", async () => {
    const figures = golden.models[name]!
    const { results, gradients, keys } = run(name)
    expect(keys).toEqual(figures.keys)
    expect(Object.keys(results)).toEqual(Object.keys(figures.results))
    expect(Object.keys(gradients)).toEqual(Object.keys(figures.gradients))
    const made = [...Object.entries(results), ...Object.entries(gradients)]
    const values = await readAll(made.map(([, t]) => t))
    for (const [i, entry] of [...Object.values(figures.results), ...Object.values(figures.gradients)].entries()) {
      const [key, { shape }] = made[i]!
      expect(shape, key).toEqual(entry.shape)
      expect(distance(values[i]!, expected(entry)), key).toBeLessThanOrEqual(1e-4)
    }
  })
})
