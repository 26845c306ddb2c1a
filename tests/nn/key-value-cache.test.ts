import { afterAll, beforeAll, expect, it } from 'vitest'
import { compile, type Device, openDevice, slice, type Tensor, tensor } from '../../src/index.ts'
import { KeyValueCache, MultiheadAttention, TransformerEncoder, TransformerEncoderLayer } from '../../src/nn/index.ts'
import { uniform } from '../golden/formula.ts'
import { distance } from '../golden/golden.ts'

let device: Device
beforeAll(async () => {
  device = await openDevice()
})
afterAll(() => device.close())

function filled(shape: readonly number[], stream: number): Tensor {
  const size = shape.reduce((a, b) => a * b, 1)
  return tensor(Float32Array.from(uniform(3, stream, size)), { shape })
}

const part = (x: Tensor, from: number, to: number): Tensor => slice(x, [null, [from, to]])

it('writes position by position what causal attention to the whole gives', async () => {
  const layer = new TransformerEncoderLayer(16, 2, { dimFeedforward: 32, dropout: 0, normFirst: true })
  const encoder = new TransformerEncoder(layer, 2)
  const x = filled([2, 7, 16], 1)
  const whole = await encoder.encode(x, { isCausal: true }).data()
  const caches = encoder.caches(2, 9)
  const step = compile((next: Tensor) => ({ y: encoder.encode(next, {}, caches) }))
  for (const round of [0, 1]) {
    for (const cache of caches) cache.reset()
    for (const [from, to] of [
      [0, 3],
      [3, 4],
      [4, 5],
      [5, 7],
    ] as const) {
      const y = await step(part(x, from, to)).y.data()
      const rows = 16 * (to - from)
      const expected = [0, 1].flatMap((b) => Array.from(whole.slice((b * 7 + from) * 16, (b * 7 + to) * 16)))
      expect(y).toHaveLength(2 * rows)
      expect(distance(y, expected), `round ${round}, positions ${from} to ${to}`).toBeLessThan(1e-5)
    }
    expect(caches.map((cache) => cache.length)).toEqual([7, 7])
  }
})

it('sees no padding among what is kept', async () => {
  const mha = new MultiheadAttention(8, 2)
  const x = filled([1, 4, 8], 2)
  const y = await mha.attend(part(x, 1, 4), part(x, 1, 4), part(x, 1, 4), { isCausal: true }).data()
  const cache = mha.cache(1, 6)
  const keyPaddingMask = tensor([true, false, false, false, false, false], { shape: [1, 6] })
  const rows = [0, 1, 2, 3].map((i) => {
    const now = part(x, i, i + 1)
    return mha.attend(now, now, now, { cache, keyPaddingMask })
  })
  const last = await (rows[3] as Tensor).data()
  expect(distance(last, y.slice(16))).toBeLessThan(1e-6)
})

it('refuses what does not fit', async () => {
  const mha = new MultiheadAttention(8, 2)
  const cache = mha.cache(2, 3)
  const step = compile((x: Tensor) => ({ y: mha.attend(x, x, x, { cache }) }))
  const x = filled([2, 2, 8], 1)
  await step(x).y.data()
  expect(() => step(x)).toThrow(
    'KeyValueCache: 2 positions and 2 more; there is room for 3; reset it, or make a longer one',
  )
  expect(cache.length).toBe(2)
  expect(() => cache.append(filled([1, 2, 8], 1), x)).toThrow('KeyValueCache: k is [1, 2, 8]; it must be [2, n, 8]')
  expect(() => mha.attend(x, part(x, 0, 1), part(x, 0, 1), { cache })).toThrow(
    'MultiheadAttention: query is [2, 2, 8], key is [2, 1, 8] and value is [2, 1, 8]; with a cache, queries and keys must be of the same positions',
  )
  expect(() => new KeyValueCache(0, 3, 8)).toThrow('KeyValueCache: batch is 0; it must be a whole number of at least 1')
  const encoder = new TransformerEncoder(new TransformerEncoderLayer(8, 2), 2)
  expect(() => encoder.encode(x, {}, [cache])).toThrow(
    'TransformerEncoder: 1 caches for 2 layers; give one for each layer',
  )
})
