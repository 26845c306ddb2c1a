import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  arange,
  compile,
  crossEntropy,
  type Device,
  generator,
  grad,
  manualSeed,
  mseLoss,
  openDevice,
  readAll,
  scaledDotProductAttention,
  setDefaultDevice,
  spec,
  type Tensor,
  tensor,
} from '../../src/index.ts'
import {
  Dropout,
  Embedding,
  LayerNorm,
  Linear,
  Module,
  MultiheadAttention,
  RotaryEmbedding,
  SinusoidalPositions,
  TransformerDecoderLayer,
  TransformerEncoder,
  TransformerEncoderLayer,
} from '../../src/nn/index.ts'
import { attentionComposite } from '../../src/ops/attention-composite.ts'
import { Adam } from '../../src/optim/index.ts'
import { uniform } from '../golden/formula.ts'
import { bound, distance, type Entry, norm, sizeOf } from '../golden/golden.ts'

interface Case {
  name: string
  kind: 'encoder' | 'decoder'
  seed: number
  normFirst: boolean
  activation: 'relu' | 'gelu'
  padding: boolean
  causal: boolean
  keys: string[]
  output: Entry
  gradients: Record<string, Entry>
}

interface Figures {
  dim: number
  heads: number
  hidden: number
  batch: number
  length: number
  memory: number
  lengths: number[]
  memoryLengths: number[]
  cases: Case[]
}

const folder = new URL('../golden/data/', import.meta.url)
const golden = JSON.parse(readFileSync(new URL('transformers.json', folder), 'utf8')) as Figures
const stored = readFileSync(new URL('transformers.bin', folder))

function valuesOf({ shape, at }: Entry): Float32Array {
  return Float32Array.from({ length: sizeOf(shape) }, (_, i) => stored.readFloatLE(4 * (at + i)))
}

let device: Device
beforeAll(async () => {
  device = await openDevice()
})
afterAll(() => device.close())

function filled(shape: readonly number[], seed: number, stream: number, requiresGrad = false): Tensor {
  return tensor(Float32Array.from(uniform(seed, stream, sizeOf([...shape]))), { shape, requiresGrad })
}

function layerOf({ kind, seed, normFirst, activation, gradients, keys }: Case): Module {
  const options = { dimFeedforward: golden.hidden, dropout: 0, normFirst, activation }
  const layer =
    kind === 'encoder'
      ? new TransformerEncoderLayer(golden.dim, golden.heads, options)
      : new TransformerDecoderLayer(golden.dim, golden.heads, options)
  const state = keys.map((key, stream) => {
    const { shape } = gradients[key] as Entry
    const [offset, scale] =
      key.includes('norm') && key.endsWith('weight') ? [1, 0.25] : [0, shape.length > 1 ? 0.5 : 0.25]
    const data = Float32Array.from(uniform(seed, stream, sizeOf(shape)), (u) => offset + scale * u)
    return [key, { shape, data }] as const
  })
  layer.loadStateDict(Object.fromEntries(state))
  return layer
}

/** The output of a case; padding is given as lengths to the targets and as flags to the memory. */
function outputOf(layer: Module, given: Case, x: Tensor, memory: Tensor): Tensor {
  const lengths = given.padding ? tensor(Int32Array.from(golden.lengths)) : null
  const flags = golden.memoryLengths.flatMap((n) => Array.from({ length: golden.memory }, (_, j) => j >= n))
  const other = given.padding ? tensor(flags, { shape: [golden.batch, golden.memory] }) : null
  if (layer instanceof TransformerEncoderLayer)
    return layer.encode(x, { srcKeyPaddingMask: lengths, isCausal: given.causal })
  return (layer as TransformerDecoderLayer).decode(x, memory, {
    tgtKeyPaddingMask: lengths,
    memoryKeyPaddingMask: other,
    tgtIsCausal: given.causal,
  })
}

describe.each(golden.cases)('$name', (given) => {
  const { seed } = given
  const shape = [golden.batch, golden.length, golden.dim]
  const memoryShape = [golden.batch, golden.memory, golden.dim]

  it('has the keys, the output and every gradient of PyTorch', async () => {
    const layer = layerOf(given)
    expect(Object.keys(await layer.stateDict())).toEqual(given.keys)
    const x = filled(shape, seed, 900, true)
    const memory = filled(memoryShape, seed, 901, true)
    const y = outputOf(layer, given, x, memory)
    const inputs = given.kind === 'encoder' ? [x] : [x, memory]
    const slopes = grad(y, [...layer.parameters(), ...inputs], filled(shape, seed, 902))
    const names = [...given.keys, 'x', 'memory'].slice(0, slopes.length)
    expect(distance(await y.data(), valuesOf(given.output)), 'output').toBeLessThanOrEqual(bound(given.output.d))
    const all = norm(...Object.values(given.gradients).map(valuesOf))
    for (const [i, name] of names.entries()) {
      const entry = given.gradients[name] as Entry
      const actual = await (slopes[i] as Tensor).data()
      expect(distance(actual, valuesOf(entry)), name).toBeLessThanOrEqual(bound(entry.d))
      // All keys of a head move together with their bias, which the softmax does not see.
      if (name.endsWith('in_proj_bias'))
        expect(norm(actual.slice(golden.dim, 2 * golden.dim)) / all, `key part of ${name}`).toBeLessThanOrEqual(1e-5)
    }
  })
})

it('lets no bit of the padding into the valid positions', async () => {
  const given = golden.cases[0] as Case
  const layer = layerOf(given)
  const { batch, length, dim, lengths } = golden
  const isPadding = (i: number): boolean =>
    Math.floor(i / dim) % length >= (lengths[Math.floor(i / dim / length)] as number)
  const plain = Float32Array.from(uniform(1, 900, batch * length * dim))
  const seeds = Float32Array.from(uniform(1, 902, plain.length), (u, i) => (isPadding(i) ? 0 : u))
  const results = []
  for (const noise of [0, 1000, -3e7]) {
    const x = tensor(
      plain.map((v, i) => (isPadding(i) ? v + noise : v)),
      { shape: [batch, length, dim], requiresGrad: true },
    )
    const y = outputOf(layer, given, x, x)
    const weights = layer.parameters().filter((p) => p.size !== dim || p.shape.length > 1)
    const [dx, ...rest] = grad(y, [x, ...weights], tensor(seeds, { shape: x.shape }))
    const valid = (data: ArrayLike<number>): number[] => Array.from(data).filter((_, i) => !isPadding(i))
    expect(Array.from(await (dx as Tensor).data()).filter((v, i) => isPadding(i) && v !== 0)).toEqual([])
    results.push([
      valid(await y.data()),
      valid(await (dx as Tensor).data()),
      Array.from(await (rest[0] as Tensor).data()),
    ])
  }
  expect(results[1]).toEqual(results[0])
  expect(results[2]).toEqual(results[0])
})

it('gives the same bits in 20 runs, of a loss and every gradient', async () => {
  const given = golden.cases[0] as Case
  const layer = layerOf(given)
  const { batch, length, dim, lengths } = golden
  const [x, ids] = [
    filled([batch, length, dim], 1, 1),
    tensor(Int32Array.from({ length: batch * length }, (_, i) => i % dim)),
  ]
  const step = compile((a: Tensor, target: Tensor) => {
    const y = (layer as TransformerEncoderLayer).encode(a, { srcKeyPaddingMask: tensor(Int32Array.from(lengths)) })
    const loss = crossEntropy(y.reshape([batch * length, dim]), target)
    return [loss, ...grad(loss, layer.parameters())]
  })
  const bits = async (): Promise<number[][]> =>
    (await readAll(step(x, ids))).map((values) => Array.from(new Uint32Array(values.buffer.slice(0))))
  const first = await bits()
  expect(first.flat().filter((word) => word !== 0).length).toBeGreaterThan(100)
  for (let run = 1; run < 20; run++) expect(await bits()).toEqual(first)
})

describe('dropout', () => {
  const inputs = (): [Tensor, Tensor, Tensor] => [
    filled([2, 7, 4, 8], 3, 0, true),
    filled([2, 9, 2, 8], 3, 1, true),
    filled([2, 9, 2, 8], 3, 2, true),
  ]

  it('drops in both directions the weights that the composite drops', async () => {
    const [q, k, v] = inputs()
    const seeds = filled(q.shape, 3, 3)
    const bias = filled([7, 9], 3, 4)
    const lengths = tensor(Int32Array.of(9, 4))
    manualSeed(5)
    const fused = scaledDotProductAttention(q, k, v, { bias, keyPadding: lengths, dropout: 0.4 })
    manualSeed(5)
    const scale = 1 / Math.sqrt(8)
    const composite = attentionComposite(q, k, v, { scale, causal: false, bias, lengths, dropout: 0.4 })
    expect(generator().offset).toBe(1)
    const plain = scaledDotProductAttention(q, k, v, { bias, keyPadding: lengths })
    expect(distance(await fused.data(), await plain.data())).toBeGreaterThan(0.1)
    expect(distance(await fused.data(), await composite.data())).toBeLessThan(1e-5)
    const expected = grad(composite, [q, k, v], seeds)
    for (const [i, slope] of grad(fused, [q, k, v], seeds).entries())
      expect(distance(await slope.data(), await (expected[i] as Tensor).data()), `input ${i}`).toBeLessThan(1e-5)
  })

  it('draws anew in each step, and reads the rate anew', async () => {
    const [q, k, v] = inputs()
    let rate = 0.5
    const step = compile((a: Tensor, b: Tensor, c: Tensor) => ({
      y: scaledDotProductAttention(a, b, c, { dropout: () => rate }),
    }))
    const first = await step(q, k, v).y.data()
    expect(await step(q, k, v).y.data()).not.toEqual(first)
    rate = 0
    const plain = await scaledDotProductAttention(q, k, v).data()
    expect(distance(await step(q, k, v).y.data(), plain)).toBeLessThan(1e-6)
  })
})

describe('MultiheadAttention', () => {
  it('takes keys and values of other features, and masks as PyTorch means them', async () => {
    const mha = new MultiheadAttention(8, 2, { kdim: 6, vdim: 10 })
    expect(Object.keys(await mha.stateDict())).toEqual([
      'q_proj_weight',
      'k_proj_weight',
      'v_proj_weight',
      'in_proj_bias',
      'out_proj.weight',
      'out_proj.bias',
    ])
    const [query, key, value] = [filled([2, 3, 8], 1, 1), filled([2, 5, 6], 1, 2), filled([2, 5, 10], 1, 3)]
    const attnMask = tensor(
      Array.from({ length: 15 }, (_, i) => i % 5 > 2),
      { shape: [3, 5] },
    )
    const y = await mha.attend(query, key, value, { attnMask }).data()
    const short = await mha.attend(query, key.slice([null, [0, 3]]), value.slice([null, [0, 3]])).data()
    expect(distance(y, short)).toBeLessThan(1e-6)
    const all = await mha.forward(query, key, value).data()
    expect(distance(y, all)).toBeGreaterThan(1e-2)
  })

  it('refuses heads that do not divide, and shapes that do not fit', () => {
    expect(() => new MultiheadAttention(10, 4)).toThrow(
      'MultiheadAttention: embedDim is 10 and numHeads is 4; the first must be a multiple of the second',
    )
    expect(() => new MultiheadAttention(8, 2).forward(filled([2, 3, 8], 1, 1), filled([1, 3, 8], 1, 1))).toThrow(
      'MultiheadAttention: query is [2, 3, 8], key is [1, 3, 8] and value is [1, 3, 8]; they must be [batch, length, features] of one batch, key and value of one length',
    )
  })
})

describe('positions', () => {
  it('turn queries and keys so that products depend on their distance alone', async () => {
    const rotary = new RotaryEmbedding(8, { maxLength: 16 })
    const [q, k] = [filled([1, 1, 1, 8], 1, 1), filled([1, 1, 1, 8], 1, 2)]
    const at = (x: Tensor, position: number): Tensor => rotary.forward(x, tensor(Int32Array.of(position)))
    const product = (i: number, j: number): Promise<number> => at(q, i).mul(at(k, j)).sum().item()
    expect(await product(7, 3)).toBeCloseTo(await product(14, 10), 5)
    expect(Math.abs((await product(7, 3)) - (await product(7, 4)))).toBeGreaterThan(1e-3)
    const whole = await rotary.forward(q.expand([1, 16, 1, 8])).data()
    expect(Array.from(whole.slice(15 * 8))).toEqual(Array.from(await at(q, 15).data()))
  })

  it('add sines to even features and cosines to odd ones', async () => {
    const y = await new SinusoidalPositions(6).forward(tensor(new Float32Array(18), { shape: [1, 3, 6] })).data()
    const expected = Array.from({ length: 18 }, (_, i) => {
      const [p, d] = [Math.floor(i / 6), i % 6]
      return (d % 2 ? Math.cos : Math.sin)(p / 10000 ** ((d - (d % 2)) / 6))
    })
    expect(distance(y, expected)).toBeLessThan(1e-6)
  })
})

describe('cost', () => {
  function dispatches(model: Module, loss: (x: Tensor, y: Tensor) => Tensor, x: Tensor, y: Tensor): number {
    const optimizer = new Adam(model.parameters(), { lr: 1e-3 })
    const step = compile((a: Tensor, b: Tensor) => {
      const value = loss(a, b)
      optimizer.minimize(value)
      return { value }
    })
    return step.planFor(x, y).cost().dispatches
  }

  it('of a training step is at most 45 dispatches for a block', () => {
    const block = new TransformerEncoderLayer(128, 4, { dimFeedforward: 512, activation: 'gelu' })
    const [x, y] = [filled([2, 64, 128], 1, 1), filled([2, 64, 128], 1, 2)]
    expect(dispatches(block, (a, b) => mseLoss(block.forward(a), b), x, y)).toBeLessThanOrEqual(45)
  })

  it('of a training step is at most 120 dispatches for a network of two blocks that reads tokens', () => {
    class Reader extends Module {
      readonly tokens = new Embedding(1000, 128)
      readonly positions = new Embedding(64, 128)
      readonly norm = new LayerNorm(128)
      readonly dropout = new Dropout(0.1)
      readonly encoder = new TransformerEncoder(
        new TransformerEncoderLayer(128, 2, { dimFeedforward: 512, activation: 'gelu' }),
        2,
      )
      readonly head = new Linear(128, 1000)

      override forward(ids: Tensor): Tensor {
        const x = this.tokens.forward(ids).add(this.positions.forward(arange(64)))
        return this.head.forward(this.encoder.forward(this.dropout.forward(this.norm.forward(x))))
      }
    }
    const reader = new Reader()
    const ids = tensor(
      Int32Array.from({ length: 128 }, (_, i) => (i * 37) % 1000),
      { shape: [2, 64] },
    )
    const count = dispatches(reader, (a, b) => crossEntropy(reader.forward(a), b), ids, ids)
    expect(count).toBeLessThanOrEqual(120)
  })

  it('of attention is at most a fiftieth of the composite in memory beyond its operands', async () => {
    const size = [1, 1024, 4, 64]
    const bytesOf = async (attention: (q: Tensor, k: Tensor, v: Tensor) => Tensor): Promise<number> => {
      const own = await openDevice()
      setDefaultDevice(own)
      const step = compile((q: Tensor, k: Tensor, v: Tensor, g: Tensor) => {
        const y = attention(q, k, v)
        const [dq, dk, dv] = grad(y, [q, k, v], g) as [Tensor, Tensor, Tensor]
        return { y, dq, dk, dv }
      })
      const { peakBytes } = await step.prepare([1, 2, 3, 4].map(() => spec(size)))
      setDefaultDevice(device)
      own.close()
      return peakBytes
    }
    // Of the same arguments and results, and nothing in between.
    const operands = await bytesOf((q, k, v) => q.add(k).add(v))
    const fused = (await bytesOf(scaledDotProductAttention)) - operands
    const whole = { scale: 1 / 8, causal: false, bias: null, lengths: null, dropout: 0 }
    const composite = (await bytesOf((q, k, v) => attentionComposite(q, k, v, whole))) - operands
    expect(fused).toBeGreaterThan(0)
    expect(fused).toBeLessThanOrEqual(composite / 50)
  })
})
