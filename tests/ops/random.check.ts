import { dropout, manualSeed, rand, randn } from '../../src/index.ts'
import { randomBits } from '../../src/ops/random.ts'
import { defineCheck, type OpCheck, type Ref } from './check.ts'
import { build, elementwise } from './reference.ts'

/** Philox4x32 with ten rounds (Salmon et al. 2011), on whole numbers of any size. */
function philox(counter: readonly number[], key: readonly number[]): number[] {
  const word = 0xffffffffn
  let [a, b, c, d] = counter.map(BigInt) as [bigint, bigint, bigint, bigint]
  let [k, l] = key.map(BigInt) as [bigint, bigint]
  for (let round = 0; round < 10; round++) {
    const p = 0xd2511f53n * a
    const q = 0xcd9e8d57n * c
    ;[a, b, c, d] = [(q >> 32n) ^ b ^ k, q & word, (p >> 32n) ^ d ^ l, p & word]
    k = (k + 0x9e3779b9n) & word
    l = (l + 0xbb67ae85n) & word
  }
  return [a, b, c, d].map(Number)
}

/** The words of draw number `draw`. */
function bits(seed: number, draw: number, shape: readonly number[]): Ref {
  const key = [seed % 2 ** 32, Math.floor(seed / 2 ** 32)]
  return build(shape, (_, i) => philox([Math.floor(i / 4), draw, 0, 0], key)[i % 4] as number)
}

function uniform(seed: number, draw: number, shape: readonly number[]): Ref {
  return elementwise([bits(seed, draw, shape)], ([word = 0]) => (word >>> 8) * 2 ** -24)
}

export const randomChecks: readonly OpCheck[] = [
  defineCheck({
    op: 'randomBits at a known answer',
    call: () => {
      manualSeed(0)
      return randomBits([4])
    },
    reference: () => ({ shape: [4], data: Float64Array.of(0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8) }),
    samples: [{ inputs: [] }],
    differentiable: false,
  }),
  defineCheck<{ seed: number; shape: readonly number[] }>({
    op: 'randomBits',
    call: (_, { seed, shape }) => {
      manualSeed(seed)
      return [randomBits(shape), randomBits(shape)]
    },
    reference: (_, { seed, shape }) => [bits(seed, 0, shape), bits(seed, 1, shape)],
    samples: [
      { inputs: [], attrs: { seed: 1, shape: [3, 7] } },
      { inputs: [], attrs: { seed: 2 ** 40 + 5, shape: [65] } },
      { inputs: [], attrs: { seed: 3, shape: [0] } },
    ],
    differentiable: false,
    fails: [
      {
        call: () => manualSeed(-1),
        message: 'manualSeed: the seed is -1; it must be a whole number from 0 to 2^53 - 1',
      },
      {
        call: () => randomBits([1.5]),
        message: 'random: shape [1.5] has the size 1.5; sizes are whole numbers of at least 0',
      },
    ],
  }),
  defineCheck<{ low?: number; high?: number }>({
    op: 'rand',
    call: (_, attrs) => {
      manualSeed(11)
      return rand([33], attrs)
    },
    reference: (_, { low = 0, high = 1 }) => elementwise([uniform(11, 0, [33])], ([u = 0]) => low + u * (high - low)),
    samples: [
      { inputs: [], attrs: {} },
      { inputs: [], attrs: { low: -2, high: 3 } },
    ],
    differentiable: false,
    tolerance: { forward: 1e-6, why: 'the words are exact and scaled once' },
  }),
  defineCheck<{ mean: number; std: number }>({
    op: 'randn',
    call: (_, attrs) => {
      manualSeed(12)
      return randn([5, 7], attrs)
    },
    reference: (_, { mean, std }) =>
      elementwise([uniform(12, 0, [5, 7]), uniform(12, 1, [5, 7])], ([u = 0, v = 0]) => {
        return mean + std * Math.sqrt(-2 * Math.log(1 - u)) * Math.cos(2 * Math.PI * v)
      }),
    samples: [{ inputs: [], attrs: { mean: 0.5, std: 2 } }],
    differentiable: false,
    tolerance: { forward: 2e-3, why: 'WGSL allows cos an absolute error of 2^-11' },
  }),
  defineCheck<{ p: number }>({
    op: 'dropout',
    call: ([x], { p }) => {
      manualSeed(13)
      return dropout(x!, p)
    },
    reference: ([x], { p }) =>
      p === 0 ? x! : elementwise([x!, uniform(13, 0, x!.shape)], ([v = 0, u = 0]) => (u < p ? 0 : v / (1 - p))),
    samples: [
      { inputs: [[6, 9]], attrs: { p: 0.4 } },
      { inputs: [[5]], attrs: { p: 0 } },
    ],
    differentiable: true,
    fails: [{ inputs: [[2]], attrs: { p: 1 }, message: 'dropout: p is 1; it must be at least 0 and below 1' }],
  }),
  defineCheck({
    op: 'rand of many',
    call: () => {
      manualSeed(14)
      const x = rand([20000])
      return [x.mean(), x.mul(x).mean(), x.less(0.25).cast('f32').mean()]
    },
    reference: () => [1 / 2, 1 / 3, 1 / 4].map((v) => ({ shape: [], data: Float64Array.of(v) })),
    samples: [{ inputs: [] }],
    differentiable: false,
    tolerance: { forward: 0.03, why: 'moments of 20000 draws, within three deviations' },
  }),
]
