import { fail } from '../errors.ts'
import { type Tensor, tensor } from '../graph/tensor.ts'
import { formatShape } from '../shape.ts'
import { take } from './gather.ts'
import { permute } from './movement.ts'
import { reshape } from './reshape.ts'

function needImages(op: string, x: Tensor): readonly [number, number, number, number] {
  if (x.shape.length !== 4) fail(op, `x is ${formatShape(x.shape)}`, 'it must be [images, height, width, channels]')
  return x.shape as unknown as readonly [number, number, number, number]
}

function needFactor(op: string, factor: number): void {
  if (!Number.isInteger(factor) || factor < 1)
    fail(op, `factor is ${factor}`, 'it must be a whole number of at least 1')
}

/**
 * Channels laid out as pixels (Shi et al. 2016): x [N, H, W, C r r] -> [N, H r, W r, C], where r is the factor; channel c r r + i r + j
 * becomes channel c of the pixel in row i and column j of its square, as PyTorch has it.
 */
export function pixelShuffle(x: Tensor, factor: number): Tensor {
  const [n, height, width, channels] = needImages('pixelShuffle', x)
  needFactor('pixelShuffle', factor)
  const own = channels / factor ** 2
  if (!Number.isInteger(own))
    fail('pixelShuffle', `x is ${formatShape(x.shape)}`, `its channels must be a multiple of ${factor ** 2}`)
  const squares = permute(reshape(x, [n, height, width, own, factor, factor]), [0, 1, 4, 2, 5, 3])
  return reshape(squares, [n, height * factor, width * factor, own])
}

/** Pixels laid out as channels, the inverse of {@link pixelShuffle}: x [N, H r, W r, C] -> [N, H, W, C r r]. */
export function pixelUnshuffle(x: Tensor, factor: number): Tensor {
  const [n, height, width, channels] = needImages('pixelUnshuffle', x)
  needFactor('pixelUnshuffle', factor)
  if (height % factor !== 0 || width % factor !== 0)
    fail('pixelUnshuffle', `x is ${formatShape(x.shape)}`, `its height and width must be multiples of ${factor}`)
  const [rows, columns] = [height / factor, width / factor]
  const squares = permute(reshape(x, [n, rows, factor, columns, factor, channels]), [0, 1, 3, 5, 2, 4])
  return reshape(squares, [n, rows, columns, channels * factor ** 2])
}

/** Elements before and after each axis of x. */
type Widths = readonly (readonly [number, number])[]

/**
 * x with its own elements around it, along each axis those at the positions that `from` gives for positions -before to
 * size + after - 1.
 */
function padded(
  op: string,
  x: Tensor,
  widths: Widths,
  most: (size: number) => number,
  from: (i: number, size: number) => number,
): Tensor {
  const fits =
    widths.length === x.shape.length &&
    widths.every((pair, d) => {
      const limit = most(x.shape[d] as number)
      return pair.every((v) => Number.isInteger(v) && v >= 0 && (v === 0 || v <= limit))
    })
  if (!fits)
    fail(
      op,
      `widths ${JSON.stringify(widths)} for ${formatShape(x.shape)}`,
      'give [before, after] of at least 0 for every axis, and no more than there are elements to take',
    )
  return widths.reduce((padded, [before, after], axis) => {
    if (before + after === 0) return padded
    const size = x.shape[axis] as number
    const ids = Int32Array.from({ length: before + size + after }, (_, i) => from(i - before, size))
    return take(padded, axis, tensor(ids, { device: x.device }))
  }, x)
}

/** x mirrored at its edges, which are not repeated: `[before, after]` for each axis, below its size. */
export function reflectionPad(x: Tensor, widths: Widths): Tensor {
  const mirrored = (i: number, size: number): number => (i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i)
  return padded('reflectionPad', x, widths, (size) => size - 1, mirrored)
}

/** x with its outer elements repeated around it: `[before, after]` for each axis. */
export function replicationPad(x: Tensor, widths: Widths): Tensor {
  const held = (i: number, size: number): number => Math.min(Math.max(i, 0), size - 1)
  return padded('replicationPad', x, widths, (size) => (size === 0 ? 0 : Number.POSITIVE_INFINITY), held)
}
