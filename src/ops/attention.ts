import { fail } from '../errors.ts'
import { needDtype } from '../graph/op.ts'
import type { Tensor } from '../graph/tensor.ts'
import { broadcast, formatShape, sameShape } from '../shape.ts'
import { less, mul, where } from './arithmetic.ts'
import { attentionComposite } from './attention-composite.ts'
import type { AttentionForm } from './attention-kernels.ts'
import { type AttentionAttrs, callAttention } from './attention-op.ts'
import { arange, concat, slice } from './movement.ts'
import { drawState, hostScalar } from './random.ts'
import { reshape } from './reshape.ts'

/** Options of {@link scaledDotProductAttention}. */
export interface AttentionOptions {
  /** bool, broadcast to [batch, heads, queries, keys]: true where a query may see a key. */
  readonly mask?: Tensor | null
  /**
   * f32, broadcast to [batch, heads, queries, keys]: added to the logits, as ALiBi and relative positions do. Where it records gradients
   * the weights are stored; otherwise nothing of their size is.
   */
  readonly bias?: Tensor | null
  /** Query i sees the keys 0 to i alone; false unless given. */
  readonly isCausal?: boolean
  /** Which keys are padding: bool [batch, keys], true for padding, or i32 [batch], the number of those before it. */
  readonly keyPadding?: Tensor | null
  /**
   * The probability with which a weight is dropped, the others being scaled by 1 / (1 - p): a number that never changes, or a function
   * that is asked anew at each step. 0 unless given.
   */
  readonly dropout?: number | (() => number)
  /** What products are multiplied by; 1 / sqrt(headDim) unless given. */
  readonly scale?: number
}

const op = 'scaledDotProductAttention'
const masked = -1e30

/** In which tensors operands lie, and their sizes. */
export interface AttentionSizes {
  readonly form: AttentionForm
  readonly batch: number
  readonly queries: number
  readonly keys: number
  readonly heads: number
  readonly kvHeads: number
  readonly depth: number
}

/**
 * Softmax of the products of queries with keys, times the values: q [batch, queries, heads, headDim], k and v [batch, keys, kvHeads,
 * headDim] -> q's shape, f32. Heads stand behind the positions, so that they are reshapes of what a projection gives. Where `kvHeads` is
 * less than `heads`, each head of k and v serves `heads / kvHeads` of q side by side (Shazeer 2019; Ainslie et al. 2023). The weights are
 * made in passing and again for the gradient (Dao et al. 2022), which has no gradient of its own. A query that sees no key gives 0 and
 * gets gradient 0. Throws where the shapes do not fit.
 */
export function scaledDotProductAttention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions = {}): Tensor {
  const [batch = 0, queries = 0, heads = 0, depth = 0] = q.shape
  const [, keys = 0, kvHeads = 0] = k.shape
  for (const [name, t] of [
    ['q', q],
    ['k', k],
    ['v', v],
  ] as const) {
    if (t.shape.length !== 4)
      fail(op, `${name} is ${formatShape(t.shape)}`, 'it must be [batch, length, heads, headDim]')
    needDtype(op, name, t, 'f32')
  }
  const shown = `q is ${formatShape(q.shape)}, k is ${formatShape(k.shape)} and v is ${formatShape(v.shape)}`
  if (!sameShape(k.shape, v.shape)) fail(op, shown, 'k and v must have one shape')
  if (k.shape[0] !== batch || k.shape[3] !== depth)
    fail(op, shown, 'all must have one batch and one size of heads, the first and the last axis')
  if (kvHeads === 0 || heads % kvHeads !== 0)
    fail(op, shown, `q's heads (${heads}) must be a multiple of k's (${kvHeads})`)
  const sizes: AttentionSizes = { form: 'apart', batch, queries, keys, heads, kvHeads, depth }
  const flat = [
    reshape(q, [batch, queries, heads * depth]),
    reshape(k, [batch, keys, kvHeads * depth]),
    reshape(v, [batch, keys, kvHeads * depth]),
  ]
  return reshape(attend(flat, sizes, options), q.shape)
}

/** q, k and v [batch, length, heads, headDim] out of the operands of a form. */
function apart(operands: readonly Tensor[], sizes: AttentionSizes): [Tensor, Tensor, Tensor] {
  const { form, batch, queries, keys, heads, kvHeads, depth } = sizes
  const [own, shared] = [heads * depth, kvHeads * depth]
  const part = (x: Tensor, from: number, to: number): Tensor => slice(x, [null, null, [from, to]])
  const [first, second, third] = operands as [Tensor, Tensor, Tensor]
  const [q, k, v] =
    form === 'apart'
      ? [first, second, third]
      : form === 'pair'
        ? [first, part(second, 0, shared), part(second, shared, 2 * shared)]
        : [part(first, 0, own), part(first, own, own + shared), part(first, own + shared, own + 2 * shared)]
  return [
    reshape(q, [batch, queries, heads, depth]),
    reshape(k, [batch, keys, kvHeads, depth]),
    reshape(v, [batch, keys, kvHeads, depth]),
  ]
}

function checkBroadcast(name: string, t: Tensor, { batch, heads, queries, keys }: AttentionSizes): void {
  const full = [batch, heads, queries, keys]
  const shape = broadcast(t.shape, full)
  if (!shape || !sameShape(shape, full))
    fail(
      op,
      `${name} is ${formatShape(t.shape)}`,
      `it must broadcast to [batch, heads, queries, keys], ${formatShape(full)}`,
    )
}

/** Checks the options that are tensors, and makes one bias or one list of lengths of them. */
function merged(sizes: AttentionSizes, options: AttentionOptions): { bias: Tensor | null; lengths: Tensor | null } {
  const { mask, bias: added, keyPadding } = options
  const { batch, keys } = sizes
  let bias: Tensor | null = null
  let lengths: Tensor | null = null
  if (added) {
    needDtype(op, 'bias', added, 'f32')
    checkBroadcast('bias', added, sizes)
    bias = added
  }
  if (mask) {
    needDtype(op, 'mask', mask, 'bool')
    checkBroadcast('mask', mask, sizes)
    bias = where(mask, bias ?? 0, masked)
  }
  if (keyPadding) {
    const isFlags = keyPadding.dtype === 'bool'
    if (!isFlags) needDtype(op, 'keyPadding', keyPadding, 'bool', 'i32')
    const wanted = isFlags ? [batch, keys] : [batch]
    if (!sameShape(keyPadding.shape, wanted))
      fail(
        op,
        `keyPadding is ${keyPadding.dtype} ${formatShape(keyPadding.shape)}`,
        `it must be ${formatShape(wanted)}`,
      )
    if (isFlags) bias = where(reshape(keyPadding, [batch, 1, 1, keys]), masked, bias ?? 0)
    else if (bias) bias = where(less(arange(keys), reshape(keyPadding, [batch, 1, 1, 1])), bias, masked)
    else lengths = keyPadding
  }
  return { bias, lengths }
}

/** Kernels read a bias of four axes. */
function asFour(bias: Tensor): Tensor {
  return reshape(bias, [1, 1, 1, 1, ...bias.shape].slice(-4))
}

function dropWords(p: number): readonly number[] {
  const kept = new Float32Array([1 / (1 - p)])
  return [Math.ceil(Math.fround(p) * 2 ** 24), new Uint32Array(kept.buffer)[0] as number]
}

function checked(p: number): number {
  if (!(p >= 0 && p < 1)) fail(op, `dropout is ${p}`, 'it must be at least 0 and below 1')
  return p
}

/**
 * Attention of operands [batch, length, size] that lie in tensors as `sizes.form` says -> [batch, queries, heads headDim]: 'pair' has k
 * and v side by side in the rows of the second, 'joint' all three in those of the only one.
 */
export function attend(operands: readonly Tensor[], sizes: AttentionSizes, options: AttentionOptions): Tensor {
  const { batch, queries, keys, heads, kvHeads, depth } = sizes
  const { isCausal = false, dropout = 0, scale = 1 / Math.sqrt(Math.max(1, depth)) } = options
  if (!Number.isFinite(scale)) fail(op, `scale is ${scale}`, 'it must be a finite number')
  if (depth < 1) fail(op, `heads of ${depth} elements`, 'they must have at least one')
  const rate = typeof dropout === 'number' ? checked(dropout) : (): number => checked(dropout())
  const { bias, lengths } = merged(sizes, options)
  const flat = [batch, queries, heads * depth]
  if (keys === 0) return reshape(mul(apart(operands, sizes)[0], 0), flat)
  const isDropping = typeof rate === 'function' || rate > 0
  if (bias?.requiresGrad) {
    const p = typeof rate === 'number' ? rate : hostScalar(rate, bias.device)
    const [q, k, v] = apart(operands, sizes)
    return reshape(attentionComposite(q, k, v, { scale, causal: isCausal, bias, lengths, dropout: p }), flat)
  }
  if (isDropping && batch * heads * queries * keys > 2 ** 32)
    fail(
      op,
      `dropout of ${batch * heads * queries * keys} weights`,
      'there must be at most 2 ** 32; use smaller batches',
    )
  const device = (operands[0] as Tensor).device
  const words = (): readonly number[] => dropWords(typeof rate === 'number' ? rate : rate())
  const drops = isDropping ? drawState(words, device) : null
  const extras = {
    ...(bias ? { bias: asFour(bias) } : {}),
    ...(lengths ? { lengths } : {}),
    ...(drops ? { drops } : {}),
  }
  // The gradient's kernel has eight buffers: where a mask and dropout take two, k and v lie in one.
  const isFull = sizes.form === 'apart' && drops !== null && (bias !== null || lengths !== null)
  const attrs: AttentionAttrs = { form: isFull ? 'pair' : sizes.form, heads, kvHeads, depth, scale, causal: isCausal }
  const given = isFull ? [operands[0] as Tensor, concat(operands.slice(1), 2)] : operands
  return callAttention(given, extras, attrs)
}
