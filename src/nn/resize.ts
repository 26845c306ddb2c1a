import { fail } from '../errors.ts'
import type { Tensor } from '../graph/tensor.ts'
import { adaptiveAvgPool2d, adaptiveMaxPool2d, resize } from '../ops/resize.ts'
import { formatShape } from '../shape.ts'
import type { Pair } from './conv.ts'
import { Module } from './module.ts'

/** Means of as many windows as the output has pixels. Shape: [N, H, W, C] -> [N, *outputSize, C]. */
export class AdaptiveAvgPool2d extends Module {
  readonly outputSize: Pair

  constructor(outputSize: Pair) {
    super()
    this.outputSize = outputSize
  }

  override forward(x: Tensor): Tensor {
    return adaptiveAvgPool2d(x, this.outputSize)
  }
}

/** Largest elements of as many windows as the output has pixels. Shape: [N, H, W, C] -> [N, *outputSize, C]. */
export class AdaptiveMaxPool2d extends Module {
  readonly outputSize: Pair

  constructor(outputSize: Pair) {
    super()
    this.outputSize = outputSize
  }

  override forward(x: Tensor): Tensor {
    return adaptiveMaxPool2d(x, this.outputSize)
  }
}

/** Options of {@link Upsample}: one of `size` and `scaleFactor`. */
export interface UpsampleOptions {
  /** The size of the output in pixels. */
  readonly size?: Pair
  /** The size of the output over that of the input. */
  readonly scaleFactor?: Pair
  /** 'nearest' unless given. */
  readonly mode?: 'nearest' | 'bilinear'
  /** The centers of the corner pixels stay where they are, and not the edges of the image; false unless given. */
  readonly alignCorners?: boolean
}

/** Images in another size, as PyTorch has it. Shape: [N, H, W, C] -> [N, H', W', C]. */
export class Upsample extends Module {
  readonly options: UpsampleOptions

  constructor(options: UpsampleOptions) {
    super()
    if ((options.size === undefined) === (options.scaleFactor === undefined)) {
      const given = options.size === undefined ? 'neither size nor scaleFactor' : 'size and scaleFactor'
      fail('Upsample', given, 'give one of the two')
    }
    this.options = options
  }

  override forward(x: Tensor): Tensor {
    const { size, scaleFactor = 1, mode = 'nearest', alignCorners = false } = this.options
    if (size !== undefined) return resize(x, size, { mode, alignCorners })
    if (x.shape.length !== 4)
      fail('Upsample', `the input is ${formatShape(x.shape)}`, 'it must be [images, height, width, channels]')
    const [tall, wide] = typeof scaleFactor === 'number' ? [scaleFactor, scaleFactor] : scaleFactor
    const [, height = 0, width = 0] = x.shape
    return resize(x, [Math.floor(height * tall), Math.floor(width * wide)], { mode, alignCorners })
  }
}
