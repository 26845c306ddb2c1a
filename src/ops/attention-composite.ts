import { detach, type Tensor } from '../graph/tensor.ts'
import { add, greaterEqual, less, maximum, mul, where } from './arithmetic.ts'
import { matmul } from './matmul.ts'
import { arange, permute, unsqueeze } from './movement.ts'
import { dropout } from './random.ts'
import { reshape } from './reshape.ts'
import { softmax } from './softmax.ts'

/** What {@link attentionComposite} takes beside q, k and v. */
export interface CompositeOptions {
  readonly scale: number
  readonly causal: boolean
  /** Added to the logits, broadcast to [batch, heads, queries, keys]. */
  readonly bias: Tensor | null
  /** Keys of each row of the batch, i32 [batch]. */
  readonly lengths: Tensor | null
  /** The probability with which a weight is dropped. */
  readonly dropout: number | Tensor
}

const masked = -1e30

/**
 * Attention of other ops, which stores every weight: q [batch, queries, heads, headDim], k and v [batch, keys, kvHeads, headDim] -> q's
 * shape. The reference of the fused kernels, and what runs where the bias has a gradient.
 */
export function attentionComposite(q: Tensor, k: Tensor, v: Tensor, options: CompositeOptions): Tensor {
  const [batch = 0, queries = 0, heads = 0, depth = 0] = q.shape
  const [, keys = 0, kvHeads = 0] = k.shape
  const group = heads / kvHeads
  const byHead = (x: Tensor, own: number, each: number): Tensor =>
    reshape(permute(x, [0, 2, 1, 3]), [batch, own, each, x.shape[1] as number, depth])
  const [keyHeads, valueHeads] = [byHead(k, kvHeads, 1), byHead(v, kvHeads, 1)]
  const products = matmul(byHead(q, kvHeads, group), keyHeads, { transB: true })
  let logits = mul(reshape(products, [batch, heads, queries, keys]), options.scale)
  if (options.bias) logits = maximum(add(logits, options.bias), masked)
  if (options.lengths) logits = where(less(arange(keys), reshape(options.lengths, [batch, 1, 1, 1])), logits, masked)
  if (options.causal) logits = where(greaterEqual(unsqueeze(arange(queries), 1), arange(keys)), logits, masked)
  // A query that sees no key has no weights, where softmax alone would give all keys the same.
  const weights = where(less(detach(logits), masked / 2), 0, softmax(logits))
  const dropped = options.dropout === 0 ? weights : dropout(weights, options.dropout)
  const mixed = matmul(reshape(dropped, [batch, kvHeads, group, queries, keys]), valueHeads)
  return permute(reshape(mixed, [batch, heads, queries, depth]), [0, 2, 1, 3])
}
