import { fail } from '../errors.ts'
import { type Tensor, tensor } from '../graph/tensor.ts'
import { normalizeAxis } from '../shape.ts'
import { add, mul } from './arithmetic.ts'
import { full } from './elementwise.ts'
import { take } from './gather.ts'
import { ones } from './movement.ts'
import { reshape } from './reshape.ts'
import { scatterAdd } from './scatter.ts'
import { sort } from './sort.ts'

/**
 * The value below which the share q of the elements along an axis lies (the last unless given), on a straight line between the two
 * nearest, as NumPy and PyTorch have it: x f32 -> the shape without the axis. Sorts, so at most 16,384 elements.
 */
export function quantile(x: Tensor, q: number, axis = -1): Tensor {
  const along = normalizeAxis('quantile', axis, x.shape.length)
  const size = x.shape[along] as number
  if (!(q >= 0 && q <= 1)) fail('quantile', `q is ${q}`, 'it must be from 0 to 1')
  if (size === 0) fail('quantile', 'the axis holds no elements', 'there must be at least one')
  const { values } = sort(x, along)
  const place = q * (size - 1)
  const low = Math.floor(place)
  const at = (i: number): Tensor => take(values, along, tensor(Int32Array.of(i), { shape: [], device: x.device }))
  return low === place ? at(low) : add(mul(at(low), low + 1 - place), mul(at(low + 1), place - low))
}

/** The middle of the elements along an axis (the last unless given), the mean of the two middle ones where their number is even. */
export function median(x: Tensor, axis = -1): Tensor {
  return quantile(x, 0.5, axis)
}

/** How often each number from 0 to `length` - 1 is in ids (i32 or u32, any shape), or the sum of their weights: f32 [length]. */
export function bincount(ids: Tensor, length: number, weights?: Tensor): Tensor {
  const flat = (t: Tensor): Tensor => reshape(t, [t.size])
  const source = weights ? flat(weights) : ones([ids.size])
  return scatterAdd(full([length], 0, 'f32', ids.device), 0, flat(ids), source)
}
