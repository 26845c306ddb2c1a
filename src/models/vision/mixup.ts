import { fail } from '../../errors.ts'
import { type Tensor, tensor } from '../../graph/tensor.ts'
import { add, mul, sub } from '../../ops/arithmetic.ts'
import { cast } from '../../ops/elementwise.ts'
import { take } from '../../ops/gather.ts'
import { rand } from '../../ops/random.ts'
import { reshape } from '../../ops/reshape.ts'
import { floor } from '../../ops/rounding.ts'
import { roll } from '../../ops/tiling.ts'

/** A batch of which each image is mixed with the one before it. */
export interface Mixed {
  /** `share` times the images, and the rest of the image before each. */
  readonly images: Tensor
  /** Shape []: the share of each image itself, at least a half. */
  readonly share: Tensor
}

/** Points at which the distribution of shares is kept; between them it is interpolated. */
const points = 1024

/**
 * Mixes images of a batch (Zhang et al. 2018, "mixup"): share ~ Beta(alpha, alpha), one for the batch, drawn on the GPU. The loss is
 * {@link mixedLoss}. The batch must be in random order, for each image is mixed with its neighbour.
 */
export function mixup(images: Tensor, alpha = 0.2): Mixed {
  const { device } = images
  const table = tensor(largerShares(alpha), { device })
  const place = mul(rand([1], { device }), points)
  const before = cast(floor(place), 'i32')
  const from = take(table, 0, before)
  const drawn = add(from, mul(sub(take(table, 0, add(before, 1)), from), sub(place, floor(place))))
  const share = reshape(drawn, [])
  return { images: add(mul(images, share), mul(roll(images, 1, 0), sub(1, share))), share }
}

/** The loss of a mixed batch: that for the images' own classes and that for their neighbours', by their shares. */
export function mixedLoss({ share }: Mixed, classes: Tensor, loss: (classes: Tensor) => Tensor): Tensor {
  return add(mul(loss(classes), share), mul(loss(roll(classes, 1, 0)), sub(1, share)))
}

/**
 * The larger of the two shares of Beta(alpha, alpha) at evenly spaced quantiles, from 1 down to a half. With v = x^alpha the density of
 * the smaller share x is (1 - v^(1 / alpha))^(alpha - 1), which is bounded there.
 */
function largerShares(alpha: number): Float32Array<ArrayBuffer> {
  if (!(alpha > 0 && alpha < Infinity)) fail('mixup', `alpha is ${alpha}`, 'it must be a number above 0')
  const cuts = 8 * points
  const end = 0.5 ** alpha
  const upTo = new Float64Array(cuts + 1)
  for (let i = 0; i < cuts; i++) {
    const v = (end * (i + 0.5)) / cuts
    upTo[i + 1] = (upTo[i] as number) + (1 - v ** (1 / alpha)) ** (alpha - 1)
  }
  const total = upTo[cuts] as number
  const shares = new Float32Array(points + 1)
  let cut = 0
  for (let q = 0; q <= points; q++) {
    const wanted = (total * q) / points
    while (cut < cuts - 1 && (upTo[cut + 1] as number) < wanted) cut++
    const [low, high] = [upTo[cut] as number, upTo[cut + 1] as number]
    const v = (end * (cut + (wanted - low) / (high - low))) / cuts
    shares[q] = 1 - v ** (1 / alpha)
  }
  return shares
}
