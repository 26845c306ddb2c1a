import { fail } from '../../errors.ts'
import { type Tensor, tensor } from '../../graph/tensor.ts'
import { add, clamp, div, less, mul, sub, where } from '../../ops/arithmetic.ts'
import { cast } from '../../ops/elementwise.ts'
import { take } from '../../ops/gather.ts'
import { arange, pad } from '../../ops/movement.ts'
import { rand } from '../../ops/random.ts'
import { reshape } from '../../ops/reshape.ts'
import { floor } from '../../ops/rounding.ts'
import { randint } from '../../ops/sampling.ts'
import { flip } from '../../ops/tiling.ts'
import { exp, sqrt } from '../../ops/unary.ts'
import { formatShape } from '../../shape.ts'

/** Makes images [N, H, W, C] of images, on the GPU; where it is random, each image of a batch and each step has numbers of its own. */
export type ImageTransform = (images: Tensor) => Tensor

/** The mean of each channel of ImageNet's images, from 0 to 1, which published weights expect to be taken off. */
export const imagenetMean: readonly [number, number, number] = [0.485, 0.456, 0.406]

/** The deviation of each channel of ImageNet's images, by which published weights expect them to be divided. */
export const imagenetStd: readonly [number, number, number] = [0.229, 0.224, 0.225]

/** (images - mean) / std, with a number for each channel. */
export function normalizeChannels(
  mean: readonly number[] = imagenetMean,
  std: readonly number[] = imagenetStd,
): ImageTransform {
  return (images) => {
    checkImages('normalizeChannels', images)
    const channels = images.shape[3] as number
    if (mean.length !== channels || std.length !== channels) {
      const given = `${mean.length} means and ${std.length} deviations for images ${formatShape(images.shape)}`
      fail('normalizeChannels', given, 'give one of each for each channel')
    }
    const row = (values: readonly number[]): Tensor => tensor([...values], { device: images.device })
    return div(sub(images, row(mean)), row(std))
  }
}

/** Turns each image to its mirror image with probability `p`. */
export function randomHorizontalFlip(p = 0.5): ImageTransform {
  if (!(p >= 0 && p <= 1)) fail('randomHorizontalFlip', `p is ${p}`, 'it must be from 0 to 1')
  return (images) => {
    const [count] = checkImages('randomHorizontalFlip', images)
    return where(less(rand([count, 1, 1, 1], { device: images.device }), p), flip(images, 2), images)
  }
}

/** Puts `padding` black pixels around each image and cuts out a part of the image's size at random (He et al. 2016, section 4.2). */
export function randomCrop(padding = 4): ImageTransform {
  if (!(Number.isInteger(padding) && padding > 0))
    fail('randomCrop', `padding is ${padding}`, 'it must be a whole number above 0')
  return (images) => {
    const [count, height, width, channels] = checkImages('randomCrop', images)
    const around = [padding, padding] as const
    const padded = pad(images, [[0, 0], around, around, [0, 0]])
    const [rows, columns] = [height + 2 * padding, width + 2 * padding]
    const { device } = images
    const shift = (): Tensor => randint(0, 2 * padding + 1, [count, 1, 1], { device })
    const y = add(shift(), counting(height, [1, height, 1]))
    const x = add(shift(), counting(width, [1, 1, width]))
    const ids = add(add(mul(counting(count, [count, 1, 1]), rows * columns), mul(y, columns)), x)
    return take(reshape(padded, [count * rows * columns, channels]), 0, ids)
  }
}

/** Options of {@link randomResizedCrop}. */
export interface RandomResizedCropOptions {
  /** The smallest and the largest share of an image's area; [0.08, 1] unless given. */
  readonly scale?: readonly [number, number]
  /** The smallest and the largest width over height; [3/4, 4/3] unless given. */
  readonly ratio?: readonly [number, number]
}

/**
 * Cuts a part of random area and shape out of each image and brings it to `size` by bilinear interpolation (Szegedy et al. 2015), as
 * torchvision's without antialiasing; a part that would be taller or wider than the image is cut to it.
 *
 * @param size Height and width in pixels, or both in one number.
 */
export function randomResizedCrop(
  size: number | readonly [number, number],
  { scale = [0.08, 1], ratio = [3 / 4, 4 / 3] }: RandomResizedCropOptions = {},
): ImageTransform {
  const [toHeight, toWidth] = typeof size === 'number' ? [size, size] : size
  for (const [name, [low, high]] of Object.entries({ scale, ratio })) {
    if (!(low > 0 && low <= high))
      fail('randomResizedCrop', `${name} is [${low}, ${high}]`, 'it must be two numbers above 0, the smaller first')
  }
  return (images) => {
    const [count, height, width, channels] = checkImages('randomResizedCrop', images)
    const { device } = images
    const draw = (low = 0, high = 1): Tensor => rand([count, 1], { low, high, device })
    const area = mul(draw(...scale), height * width)
    const aspect = exp(draw(Math.log(ratio[0]), Math.log(ratio[1])))
    const tall = clamp(sqrt(div(area, aspect)), 1, height)
    const wide = clamp(sqrt(mul(area, aspect)), 1, width)
    const y = places(mul(draw(), sub(height, tall)), tall, toHeight, height)
    const x = places(mul(draw(), sub(width, wide)), wide, toWidth, width)

    const pixels = reshape(images, [count * height * width, channels])
    const image = mul(counting(count, [count, 1, 1]), height * width)
    const at = (row: Tensor, column: Tensor): Tensor => {
      const line = mul(reshape(row, [count, toHeight, 1]), width)
      return take(pixels, 0, add(add(image, line), reshape(column, [count, 1, toWidth])))
    }
    const across = reshape(x.share, [count, 1, toWidth, 1])
    const blend = (from: Tensor, to: Tensor, part: Tensor): Tensor => add(from, mul(sub(to, from), part))
    const line = (row: Tensor): Tensor => blend(at(row, x.before), at(row, x.after), across)
    return blend(line(y.before), line(y.after), reshape(y.share, [count, toHeight, 1, 1]))
  }
}

/** For each of `to` pixels of a part that begins at `start` and is `length` long: the pixels beside its center, and the second's share. */
function places(
  start: Tensor,
  length: Tensor,
  to: number,
  size: number,
): { readonly before: Tensor; readonly after: Tensor; readonly share: Tensor } {
  const centers = div(add(cast(counting(to, [1, to]), 'f32'), 0.5), to)
  const position = clamp(sub(add(start, mul(centers, length)), 0.5), 0, size - 1)
  const before = floor(position)
  const after = clamp(add(before, 1), 0, size - 1)
  return { before: cast(before, 'i32'), after: cast(after, 'i32'), share: sub(position, before) }
}

/** 0 to n - 1 as i32. */
function counting(n: number, shape: readonly number[]): Tensor {
  return reshape(arange(n), shape)
}

function checkImages(op: string, { shape }: Tensor): readonly [number, number, number, number] {
  if (shape.length !== 4)
    fail(op, `the images are ${formatShape(shape)}`, 'they must be [images, height, width, channels]')
  return shape as unknown as readonly [number, number, number, number]
}
