import { type AttentionOptions, scaledDotProductAttention, type Tensor } from '../../src/index.ts'
import { KeyValueCache } from '../../src/nn/index.ts'
import { defineCheck, type InputSpec, type OpCheck, type Ref } from './check.ts'
import { build, zeros } from './reference.ts'

type Extra = 'mask' | 'bias' | 'keyPadding'

interface Attrs {
  /** Which inputs follow q, k and v. */
  readonly given?: readonly Extra[]
  readonly isCausal?: boolean
  readonly scale?: number
}

/** Attention in plain loops over every pair. */
function attention(inputs: readonly Ref[], { given = [], isCausal = false, scale }: Attrs): Ref {
  const [q, k, v] = inputs as [Ref, Ref, Ref]
  const [batch, queries, heads, depth] = q.shape as [number, number, number, number]
  const [, keys, kvHeads] = k.shape as [number, number, number, number]
  const named = (name: Extra): Ref | undefined => (given.includes(name) ? inputs[3 + given.indexOf(name)] : undefined)
  const [mask, bias, padding] = [named('mask'), named('bias'), named('keyPadding')]
  const at = (x: Ref, place: readonly number[]): number => {
    const own = place.slice(place.length - x.shape.length)
    return x.data[own.reduce((i, p, d) => i * (x.shape[d] as number) + (x.shape[d] === 1 ? 0 : p), 0)] as number
  }
  const isPadding = (b: number, j: number): boolean =>
    padding !== undefined && (padding.shape.length === 1 ? j >= at(padding, [b]) : at(padding, [b, j]) !== 0)
  const y = zeros(q.shape)
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      const shared = Math.floor(h / (heads / kvHeads))
      for (let i = 0; i < queries; i++) {
        const logits = Array.from({ length: keys }, (_, j) => {
          if (isPadding(b, j) || (isCausal && j > i) || (mask && at(mask, [b, h, i, j]) === 0))
            return Number.NEGATIVE_INFINITY
          let dot = 0
          for (let d = 0; d < depth; d++) dot += at(q, [b, i, h, d]) * at(k, [b, j, shared, d])
          return dot * (scale ?? 1 / Math.sqrt(depth)) + (bias ? at(bias, [b, h, i, j]) : 0)
        })
        const top = Math.max(...logits)
        if (top === Number.NEGATIVE_INFINITY) continue
        const weights = logits.map((l) => Math.exp(l - top))
        const total = weights.reduce((s, w) => s + w, 0)
        for (let d = 0; d < depth; d++)
          y.data[((b * queries + i) * heads + h) * depth + d] =
            weights.reduce((s, w, j) => s + w * at(v, [b, j, shared, d]), 0) / total
      }
    }
  }
  return y
}

/** Sizes: batch, queries, keys, heads, heads of k and v, elements of a head. */
type Sizes = readonly [batch: number, queries: number, keys: number, heads: number, kvHeads: number, depth: number]

function sample(
  [batch, queries, keys, heads, kvHeads, depth]: Sizes,
  attrs: Attrs = {},
  extras: readonly InputSpec[] = [],
): { inputs: (readonly number[] | InputSpec)[]; attrs: Attrs } {
  const kv = [batch, keys, kvHeads, depth]
  return { inputs: [[batch, queries, heads, depth], kv, kv, ...extras], attrs }
}

const bool = (shape: readonly number[], values: readonly number[]): InputSpec => ({ shape, dtype: 'bool', values })
const lengths = (...values: readonly number[]): InputSpec => ({ shape: [values.length], dtype: 'i32', values })

const call = ([q, k, v, ...more]: Tensor[], { given = [], ...attrs }: Attrs): Tensor => {
  const options: AttentionOptions = { ...attrs, ...Object.fromEntries(given.map((name, i) => [name, more[i]])) }
  return scaledDotProductAttention(q as Tensor, k as Tensor, v as Tensor, options)
}

export const attentionChecks: readonly OpCheck[] = [
  defineCheck<Attrs>({
    op: 'scaledDotProductAttention',
    call,
    reference: attention,
    samples: [
      sample([1, 1, 1, 1, 1, 1]),
      sample([2, 5, 5, 2, 2, 4]),
      sample([1, 7, 9, 3, 3, 5], { scale: 0.3 }),
      { ...sample([2, 6, 6, 2, 1, 8], { isCausal: true }), why: 'all heads share one of k and v' },
      { ...sample([1, 5, 3, 4, 2, 4], { isCausal: true }), why: 'fewer keys than queries' },
      {
        ...sample([3, 4, 6, 2, 2, 4], { given: ['keyPadding'] }, [lengths(6, 2, 0)]),
        why: 'lengths; the last row has no key at all',
      },
      {
        ...sample([2, 3, 5, 2, 2, 3], { given: ['keyPadding'] }, [bool([2, 5], [0, 1, 0, 0, 1, 1, 1, 1, 1, 1])]),
        why: 'flags; the second row has no key at all',
      },
      {
        ...sample([2, 4, 5, 2, 2, 4], { given: ['mask'] }, [bool([4, 5], [1, 0, 1, 1, 0, 0, 1])]),
        why: 'a mask for all rows and heads',
      },
      {
        ...sample([2, 4, 5, 2, 2, 4], { given: ['mask', 'bias', 'keyPadding'], isCausal: true }, [
          bool([2, 1, 4, 1], [1, 1, 0, 1, 1]),
          { shape: [2, 4, 5] },
          lengths(4, 5),
        ]),
        why: 'all at once',
      },
      { ...sample([1, 9, 3, 1, 1, 256]), why: 'the longest head' },
      { ...sample([0, 3, 4, 1, 1, 8]), why: 'no rows', forwardOnly: true },
      { ...sample([2, 0, 4, 1, 1, 8]), why: 'no queries', forwardOnly: true },
      { ...sample([2, 3, 0, 1, 1, 8]), why: 'no keys', forwardOnly: true },
    ],
    differentiable: [0, 1, 2],
    bench: [sample([1, 1024, 1024, 4, 4, 64])],
    fails: [
      {
        inputs: [
          [2, 3],
          [2, 3],
          [2, 3],
        ],
        attrs: {},
        message: 'scaledDotProductAttention: q is [2, 3]; it must be [batch, length, heads, headDim]',
      },
      {
        inputs: [
          [2, 3, 4, 8],
          [2, 3, 3, 8],
          [2, 3, 3, 8],
        ],
        attrs: {},
        message:
          "scaledDotProductAttention: q is [2, 3, 4, 8], k is [2, 3, 3, 8] and v is [2, 3, 3, 8]; q's heads (4) must be a multiple of k's (3)",
      },
      {
        inputs: [
          [2, 3, 4, 8],
          [2, 3, 4, 8],
          [2, 5, 4, 8],
        ],
        attrs: {},
        message:
          'scaledDotProductAttention: q is [2, 3, 4, 8], k is [2, 3, 4, 8] and v is [2, 5, 4, 8]; k and v must have one shape',
      },
      {
        inputs: [[2, 3, 4, 8], [2, 3, 4, 8], [2, 3, 4, 8], { shape: [2], dtype: 'bool' }],
        attrs: { given: ['keyPadding'] },
        message: 'scaledDotProductAttention: keyPadding is bool [2]; it must be [2, 3]',
      },
      {
        inputs: [
          [2, 3, 4, 8],
          [2, 3, 4, 8],
          [2, 3, 4, 8],
        ],
        call: ([q, k, v]) => scaledDotProductAttention(q!, k!, v!, { dropout: 1 }),
        message: 'scaledDotProductAttention: dropout is 1; it must be at least 0 and below 1',
      },
    ],
  }),
  defineCheck<Attrs>({
    op: 'attention over more than a tile',
    call,
    reference: attention,
    samples: [
      { ...sample([1, 33, 35, 2, 2, 16]), why: 'beyond a tile on either side' },
      { ...sample([1, 65, 67, 1, 1, 33], { isCausal: true }), why: 'a head of no quads, beyond a chunk' },
      { ...sample([1, 6, 5, 1, 1, 72]), why: 'a long head' },
      {
        ...sample([2, 2, 130, 2, 1, 67], { given: ['keyPadding'] }, [lengths(130, 65)]),
        why: 'few queries, many keys',
        forwardOnly: true,
      },
      { ...sample([2, 40, 70, 4, 2, 20], { given: ['keyPadding'] }, [lengths(70, 31)]), why: 'lengths beyond a tile' },
      {
        ...sample([2, 1, 600, 2, 1, 5], { given: ['keyPadding'] }, [lengths(530, 100)]),
        why: 'keys of a query in two parts, of which a row has but one',
        forwardOnly: true,
      },
    ],
    differentiable: [0, 1, 2],
    kernels: ['gpu', 'software'],
  }),
  defineCheck<Attrs>({
    op: 'attention with the gradient of its bias',
    call,
    reference: attention,
    samples: [
      sample([2, 4, 5, 2, 1, 4], { given: ['bias'], isCausal: true }, [{ shape: [2, 4, 5] }]),
      sample([2, 4, 5, 2, 2, 4], { given: ['bias', 'keyPadding'] }, [{ shape: [1, 2, 1, 5] }, lengths(2, 0)]),
    ],
    differentiable: [0, 1, 2, 3],
  }),
  defineCheck({
    op: 'KeyValueCache',
    call: ([k, v, more]) => {
      const cache = new KeyValueCache(2, 5, 3)
      cache.append(k as Tensor, v as Tensor)
      const { keys, values, positions, lengths } = cache.append(more as Tensor, more as Tensor)
      return [keys, values, positions, lengths]
    },
    reference: (inputs) => {
      const [k, v, more] = inputs as [Ref, Ref, Ref]
      const joined = (first: Ref): Ref =>
        build([2, 5, 3], ([b = 0, i = 0, d = 0]) => {
          const from = i < 2 ? first : more
          return i < 4 ? (from.data[(b * 2 + (i % 2)) * 3 + d] as number) : 0
        })
      const whole = (...data: number[]): Ref => ({ shape: [2], data: Float64Array.from(data) })
      return [joined(k), joined(v), whole(2, 3), whole(4, 4)]
    },
    samples: [
      {
        inputs: [
          [2, 2, 3],
          [2, 2, 3],
          [2, 2, 3],
        ],
      },
    ],
    differentiable: false,
    effects: ['appendPositions'],
  }),
]
