import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { crossEntropy, type Device, grad, noGrad, openDevice, readAll, type Tensor, tensor } from '../../src/index.ts'
import { BertForSequenceClassification, BertModel } from '../../src/models/index.ts'
import type { Module } from '../../src/nn/index.ts'
import { hashes, uniform } from '../golden/formula.ts'
import { bound, distance, type Entry, norm, sizeOf } from '../golden/golden.ts'

interface Case {
  seed: number
  length: number
  lengths: number[]
  config: { vocab_size?: number; num_labels?: number }
  keys: string[]
  hidden: Entry
  largestHidden: number
  output: Entry
  loss: number
  gradientNorm: number
  gradients: Record<string, { norm: number; d: number; samples: Entry }>
}

const folder = new URL('../golden/data/', import.meta.url)
const figures = JSON.parse(readFileSync(new URL('bert.json', folder), 'utf8')) as {
  samples: number
  base: Case
  gradients: Case
}
const bytes = readFileSync(new URL('bert.bin', folder))
const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

function values({ shape, at }: Entry): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: sizeOf(shape) }, (_, i) => view.getFloat32(4 * (at + i), true))
}

/** What bert.py says of weights: parameter k is stream k. */
function fill(model: Module, seed: number): void {
  for (const [k, [key, p]] of model.namedParameters().entries()) {
    const isScale = key.endsWith('LayerNorm.weight')
    const bound = p.shape.length > 1 ? 1 / Math.sqrt(p.shape[1] as number) : isScale ? 1 / 4 : 1 / 8
    const drawn = uniform(seed, k, p.size)
    const data = new Float32Array(p.size)
    for (let i = 0; i < data.length; i++) data[i] = (isScale ? 1 : 0) + bound * (drawn[i] as number)
    p.set(data)
  }
}

interface Inputs {
  inputIds: Tensor
  attentionMask: Tensor
  tokenTypeIds: Tensor
}

function inputsOf({ seed, length, lengths, config }: Case): Inputs {
  const size = lengths.length * length
  const words = hashes(seed, 1000, size)
  const isToken = Int32Array.from({ length: size }, (_, i) =>
    i % length < (lengths[Math.floor(i / length)] as number) ? 1 : 0,
  )
  const shape = [lengths.length, length]
  return {
    inputIds: tensor(
      isToken.map((is, i) => is * ((words[i] as number) % (config.vocab_size ?? 30522))),
      { shape },
    ),
    attentionMask: tensor(isToken, { shape }),
    tokenTypeIds: tensor(
      isToken.map((_, i) => (i % length >= length / 2 ? 1 : 0)),
      { shape },
    ),
  }
}

/** The elements of parameter k that the figures have. */
function sampled(data: ArrayLike<number>, seed: number, k: number): Float32Array {
  const places = hashes(seed, 2000 + k, figures.samples)
  return Float32Array.from(places, (hash) => data[hash % data.length] as number)
}

function largest(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  return Math.max(...Array.from(expected, (value, i) => Math.abs((actual[i] ?? Number.NaN) - value)))
}

let device: Device
beforeAll(async () => {
  device = await openDevice()
})
afterAll(() => device.close())

describe('BERT, beside PyTorch in double precision', () => {
  test('has the outputs of BERT-base for 64 tokens', async () => {
    const { base } = figures
    const model = new BertModel().eval()
    expect(model.namedParameters().map(([key]) => key)).toEqual(base.keys)
    fill(model, base.seed)
    const { lastHiddenState, poolerOutput } = noGrad(() => model.run(inputsOf(base)))
    const [hidden = [], out = []] = await readAll([lastHiddenState, poolerOutput as Tensor])
    expect(largest(sampled(hidden, base.seed, 0), values(base.hidden)) / base.largestHidden).toBeLessThan(1e-3)
    const pooled = values(base.output)
    expect(largest(out, pooled) / Math.max(...pooled.map(Math.abs))).toBeLessThan(1e-3)
  })

  test('has every gradient of four layers of 256 features, those that are zero too', async () => {
    const { gradients: wanted } = figures
    const model = new BertForSequenceClassification({
      ...wanted.config,
      hidden_dropout_prob: 0,
      attention_probs_dropout_prob: 0,
    })
    const names = model.namedParameters().map(([key]) => key)
    expect(names).toEqual(wanted.keys)
    fill(model, wanted.seed)
    const { logits, lastHiddenState } = model.run(inputsOf(wanted))
    const labels = tensor(
      Int32Array.from(wanted.lengths, (_, i) => i),
      { shape: [wanted.lengths.length] },
    )
    const loss = crossEntropy(logits, labels)
    const slopes = grad(loss, model.parameters())
    const [out = [], cost = [], last = [], ...gradients] = await readAll([logits, loss, lastHiddenState, ...slopes])
    expect(distance(out, values(wanted.output))).toBeLessThan(bound(wanted.output.d))
    expect(Math.abs((cost[0] as number) - wanted.loss)).toBeLessThan(1e-4 * wanted.loss)
    expect(distance(sampled(last, wanted.seed, 0), values(wanted.hidden))).toBeLessThan(bound(wanted.hidden.d))
    let zeros = 0
    for (const [k, key] of names.entries()) {
      const entry = wanted.gradients[key] as (typeof wanted.gradients)[string]
      const data = gradients[k] as ArrayLike<number>
      if (entry.norm === 0) {
        zeros++
        expect(norm(data) / wanted.gradientNorm, key).toBeLessThan(1e-5)
        continue
      }
      const allowed = bound(entry.d)
      expect(Math.abs(norm(data) - entry.norm) / entry.norm, `${key}: norm`).toBeLessThan(allowed)
      // What the samples are off by stands for all elements: they were drawn without regard to their values.
      const off = distance(sampled(data, wanted.seed, k), values(entry.samples), 1)
      expect((off * Math.sqrt(data.length / figures.samples)) / entry.norm, key).toBeLessThan(allowed)
    }
    expect(zeros).toBe(4)
  })
})
