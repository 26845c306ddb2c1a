import { fail } from '../errors.ts'
import type { Tensor } from '../graph/tensor.ts'
import { guarded } from '../graph/trace.ts'
import { add, lessEqual, logicalAnd, logicalNot } from '../ops/arithmetic.ts'
import { type AttentionOptions, type AttentionSizes, attend } from '../ops/attention.ts'
import type { AttentionForm } from '../ops/attention-kernels.ts'
import { full } from '../ops/elementwise.ts'
import { matmul } from '../ops/matmul.ts'
import { arange, slice, unsqueeze } from '../ops/movement.ts'
import { formatShape } from '../shape.ts'
import { xavierUniform } from './init.ts'
import { KeyValueCache } from './key-value-cache.ts'
import { Linear } from './linear.ts'
import { Module } from './module.ts'
import { Parameter } from './parameter.ts'

/** Options of {@link MultiheadAttention}. */
export interface MultiheadAttentionOptions {
  /** The probability with which a weight is dropped in training; 0 unless given. */
  readonly dropout?: number
  /** Whether the projections have biases; true unless given. */
  readonly bias?: boolean
  /** Features of the keys and of the values; embedDim unless given. */
  readonly kdim?: number
  readonly vdim?: number
}

/** What a query may see, in PyTorch's terms. */
export interface AttentionMasks {
  /** Padding among the keys: bool [batch, keys], true for padding, or i32 [batch], how many keys come before it. */
  readonly keyPaddingMask?: Tensor | null
  /** bool, true where a query may not see a key, or f32, added to the logits; broadcast to [batch, heads, queries, keys]. */
  readonly attnMask?: Tensor | null
  /** Query i sees the keys 0 to i alone. */
  readonly isCausal?: boolean
  /**
   * Where the keys and values of earlier positions are: those given now come behind them, and each query sees all up to its own. The
   * other masks are then of `maxLength` keys.
   */
  readonly cache?: KeyValueCache | null
}

/** `part` rows of `rows`, from the one where they begin. */
function rowsOf(t: Tensor, part: number, rows: number): Tensor {
  return slice(t, [[part * rows, (part + 1) * rows]])
}

/**
 * Attention with several heads between projections of queries, keys and values (Vaswani et al. 2017). The batch comes first, as with
 * PyTorch's `batch_first`; the weights of the attention are not given out, since they are never stored.
 *
 * Shape: queries [batch, queries, embedDim], keys [batch, keys, kdim], values [batch, keys, vdim] -> [batch, queries, embedDim].
 * `inProjWeight` [3 embedDim, embedDim] starts as Xavier's, the biases at 0.
 */
export class MultiheadAttention extends Module {
  /** Projections of queries, keys and values, one below the other; null where these have features of their own. */
  readonly inProjWeight: Parameter | null
  readonly qProjWeight: Parameter | null
  readonly kProjWeight: Parameter | null
  readonly vProjWeight: Parameter | null
  readonly inProjBias: Parameter | null
  readonly outProj: Linear
  readonly embedDim: number
  readonly numHeads: number
  /** May be changed at any time; compiled steps read it anew. */
  dropout: number

  constructor(embedDim: number, numHeads: number, options: MultiheadAttentionOptions = {}) {
    super()
    const { dropout = 0, bias = true, kdim = embedDim, vdim = embedDim } = options
    if (!(Number.isInteger(numHeads) && numHeads > 0 && embedDim % numHeads === 0))
      fail(
        'MultiheadAttention',
        `embedDim is ${embedDim} and numHeads is ${numHeads}`,
        'the first must be a multiple of the second',
      )
    if (!(dropout >= 0 && dropout < 1))
      fail('MultiheadAttention', `dropout is ${dropout}`, 'it must be at least 0 and below 1')
    this.embedDim = embedDim
    this.numHeads = numHeads
    this.dropout = dropout
    const weight = (rows: number, columns: number, name: string): Parameter =>
      new Parameter(xavierUniform([rows, columns], columns, rows), `MultiheadAttention.${name}`)
    const isShared = kdim === embedDim && vdim === embedDim
    this.inProjWeight = isShared ? weight(3 * embedDim, embedDim, 'inProjWeight') : null
    this.qProjWeight = isShared ? null : weight(embedDim, embedDim, 'qProjWeight')
    this.kProjWeight = isShared ? null : weight(embedDim, kdim, 'kProjWeight')
    this.vProjWeight = isShared ? null : weight(embedDim, vdim, 'vProjWeight')
    this.inProjBias = bias ? new Parameter(full([3 * embedDim], 0), 'MultiheadAttention.inProjBias') : null
    this.outProj = new Linear(embedDim, embedDim, { bias })
    if (this.outProj.bias) this.outProj.bias.assign(full([embedDim], 0))
  }

  override forward(query: Tensor, key?: Tensor, value?: Tensor): Tensor {
    return this.attend(query, key ?? query, value ?? key ?? query)
  }

  /** {@link forward} under masks. Keys and values that are the queries themselves take one projection for all three. */
  attend(query: Tensor, key: Tensor, value: Tensor, masks: AttentionMasks = {}): Tensor {
    const [batch = 0, queries = 0] = query.shape
    const [, keys = 0] = key.shape
    const shown = `query is ${formatShape(query.shape)}, key is ${formatShape(key.shape)} and value is ${formatShape(value.shape)}`
    if ([query, key, value].some((t) => t.shape.length !== 3 || t.shape[0] !== batch) || value.shape[1] !== keys)
      fail(
        'MultiheadAttention',
        shown,
        'they must be [batch, length, features] of one batch, key and value of one length',
      )
    const { embedDim, numHeads: heads } = this
    const { cache } = masks
    if (cache && queries !== keys)
      fail('MultiheadAttention', shown, 'with a cache, queries and keys must be of the same positions')
    const [form, operands] = this.project(query, key, value)
    const sizes = { form, batch, queries, keys, heads, kvHeads: heads, depth: embedDim / heads }
    const options = this.options(masks)
    const mixed = cache ? this.attendBehind(cache, operands, sizes, options) : attend(operands, sizes, options)
    return this.outProj.forward(mixed)
  }

  /** Attention to what is in the cache, and what comes behind it now. */
  private attendBehind(
    cache: KeyValueCache,
    operands: readonly Tensor[],
    sizes: AttentionSizes,
    options: AttentionOptions,
  ): Tensor {
    const { embedDim } = this
    const parts = operands.flatMap((x) =>
      Array.from({ length: (x.shape[2] as number) / embedDim }, (_, part) =>
        slice(x, [null, null, [part * embedDim, (part + 1) * embedDim]]),
      ),
    )
    const [q, k, v] = parts as [Tensor, Tensor, Tensor]
    const { keys, values, positions, lengths } = cache.append(k, v)
    const whole = { ...sizes, form: 'apart' as const, keys: cache.maxLength }
    const plain = { ...options, isCausal: false }
    // A single query sees as many keys as there are, and kernels stop behind them.
    if (sizes.queries === 1 && !options.keyPadding)
      return attend([q, keys, values], whole, { ...plain, keyPadding: lengths })
    const seen = lessEqual(arange(cache.maxLength), unsqueeze(positions, 1))
    const mask = options.mask ? logicalAnd(options.mask, seen) : seen
    return attend([q, keys, values], whole, { ...plain, mask })
  }

  /** A cache for this layer, for so many sequences of up to `maxLength` positions. */
  cache(batch: number, maxLength: number): KeyValueCache {
    return new KeyValueCache(batch, maxLength, this.embedDim)
  }

  private options({ keyPaddingMask, attnMask, isCausal = false }: AttentionMasks): AttentionOptions {
    const isFlags = attnMask?.dtype === 'bool'
    return {
      isCausal,
      keyPadding: keyPaddingMask ?? null,
      mask: attnMask && isFlags ? logicalNot(attnMask) : null,
      bias: isFlags ? null : (attnMask ?? null),
      ...(this.isTraining() && guarded('dropout', () => this.dropout > 0) ? { dropout: () => this.dropout } : {}),
    }
  }

  /** The operands of attention, of as few products as can be. */
  private project(query: Tensor, key: Tensor, value: Tensor): [AttentionForm, Tensor[]] {
    const { inProjWeight: joint, inProjBias: bias, embedDim } = this
    const linear = (x: Tensor, weight: Tensor, own: Tensor | null): Tensor => {
      const y = matmul(x, weight, { transB: true })
      return own ? add(y, own) : y
    }
    const biasOf = (part: number): Tensor | null => (bias ? rowsOf(bias, part, embedDim) : null)
    if (joint && query === key && key === value) return ['joint', [linear(query, joint, bias)]]
    if (joint && key === value) {
      const behind = slice(joint, [[embedDim, 3 * embedDim]])
      const kv = linear(key, behind, bias ? slice(bias, [[embedDim, 3 * embedDim]]) : null)
      return ['pair', [linear(query, rowsOf(joint, 0, embedDim), biasOf(0)), kv]]
    }
    const weights = joint
      ? [0, 1, 2].map((part) => rowsOf(joint, part, embedDim))
      : [this.qProjWeight, this.kProjWeight, this.vProjWeight]
    const inputs = [query, key, value]
    return ['apart', inputs.map((x, part) => linear(x, weights[part] as Tensor, biasOf(part)))]
  }
}
