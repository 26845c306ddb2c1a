import type { Tensor } from '../graph/tensor.ts'
import { pixelShuffle, pixelUnshuffle, reflectionPad, replicationPad } from '../ops/images.ts'
import { pad } from '../ops/movement.ts'
import { reshape } from '../ops/reshape.ts'
import { normalizeAxis } from '../shape.ts'
import { Module } from './module.ts'

/** One axis made several. Shape: [..., size, ...] -> [..., *sizes, ...]. */
export class Unflatten extends Module {
  readonly axis: number
  readonly sizes: readonly number[]

  constructor(axis: number, sizes: readonly number[]) {
    super()
    this.axis = axis
    this.sizes = sizes
  }

  override forward(x: Tensor): Tensor {
    const axis = normalizeAxis('Unflatten', this.axis, x.shape.length)
    return reshape(x, [...x.shape.slice(0, axis), ...this.sizes, ...x.shape.slice(axis + 1)])
  }
}

/** Channels laid out as pixels (Shi et al. 2016). Shape: [N, H, W, C r r] -> [N, H r, W r, C]. */
export class PixelShuffle extends Module {
  readonly factor: number

  constructor(factor: number) {
    super()
    this.factor = factor
  }

  override forward(x: Tensor): Tensor {
    return pixelShuffle(x, this.factor)
  }
}

/** Pixels laid out as channels. Shape: [N, H r, W r, C] -> [N, H, W, C r r]. */
export class PixelUnshuffle extends Module {
  readonly factor: number

  constructor(factor: number) {
    super()
    this.factor = factor
  }

  override forward(x: Tensor): Tensor {
    return pixelUnshuffle(x, this.factor)
  }
}

/** Pixels on each side of an image, or [left, right, top, bottom], in PyTorch's order. */
export type Edges = number | readonly [left: number, right: number, top: number, bottom: number]

/** The widths before and after each axis of [N, H, W, C]. */
function widthsOf(edges: Edges): (readonly [number, number])[] {
  const [left, right, top, bottom] = typeof edges === 'number' ? [edges, edges, edges, edges] : edges
  return [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0],
  ]
}

/** What images get around them. */
abstract class Padding extends Module {
  readonly padding: Edges

  constructor(padding: Edges) {
    super()
    this.padding = padding
  }
}

/** Zeros around images. Shape: [N, H, W, C] -> [N, H + top + bottom, W + left + right, C]. */
export class ZeroPad2d extends Padding {
  override forward(x: Tensor): Tensor {
    return pad(x, widthsOf(this.padding))
  }
}

/** Images mirrored at their edges. Shape: [N, H, W, C] -> [N, H + top + bottom, W + left + right, C]. */
export class ReflectionPad2d extends Padding {
  override forward(x: Tensor): Tensor {
    return reflectionPad(x, widthsOf(this.padding))
  }
}

/** Images with their outer pixels repeated. Shape: [N, H, W, C] -> [N, H + top + bottom, W + left + right, C]. */
export class ReplicationPad2d extends Padding {
  override forward(x: Tensor): Tensor {
    return replicationPad(x, widthsOf(this.padding))
  }
}
