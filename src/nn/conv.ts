import type { Tensor } from '../graph/tensor.ts'
import { conv2d } from '../ops/conv.ts'
import { avgPool2d, maxPool2d } from '../ops/pool.ts'
import { kaimingUniform, uniform } from './init.ts'
import { Module } from './module.ts'
import { Parameter } from './parameter.ts'

/** A size for both axes, or [height, width]. */
export type Pair = number | readonly [number, number]

function pair(v: Pair): readonly [number, number] {
  return typeof v === 'number' ? [v, v] : v
}

/** Options of {@link Conv2d}. */
export interface Conv2dOptions {
  /** Pixels between windows; 1 unless given. */
  readonly stride?: Pair
  /** Zeros on each side of the image, 0 unless given; 'same' keeps the size of the image and takes stride 1. */
  readonly padding?: Pair | 'same'
  /** Pixels between the taps of a window; 1 unless given. */
  readonly dilation?: Pair
  /** Channels and outputs are cut into this many groups that do not mix; 1 unless given. */
  readonly groups?: number
  /** Whether a number is added to each output channel; true unless given. */
  readonly bias?: boolean
}

/**
 * Two-dimensional convolution.
 *
 * Shape: [N, H, W, inChannels] -> [N, H', W', outChannels]. `weight` [outChannels, kh, kw, inChannels / groups] and
 * `bias` start uniform within 1 / sqrt(fan in). In files the weight is [outChannels, inChannels / groups, kh, kw], as
 * PyTorch has it.
 */
export class Conv2d extends Module {
  readonly weight: Parameter
  readonly bias: Parameter | null
  readonly options: Conv2dOptions

  constructor(inChannels: number, outChannels: number, kernelSize: Pair, options: Conv2dOptions = {}) {
    super()
    const { groups = 1 } = options
    const [kh, kw] = pair(kernelSize)
    const fanIn = (inChannels / groups) * kh * kw
    this.options = options
    this.weight = new Parameter(this.initialWeight([outChannels, kh, kw, inChannels / groups], fanIn), 'Conv2d.weight')
    this.bias =
      (options.bias ?? true) ? new Parameter(uniform([outChannels], 1 / Math.sqrt(fanIn)), 'Conv2d.bias') : null
  }

  /** What `weight` starts as; computed when it is read, so not at all where weights are loaded. */
  protected initialWeight(shape: readonly number[], fanIn: number): Tensor {
    return kaimingUniform(shape, fanIn)
  }

  protected override fileAxes(field: string): readonly number[] | null {
    return field === 'weight' ? [0, 2, 3, 1] : null
  }

  override forward(x: Tensor): Tensor {
    const { stride, padding, dilation, groups } = this.options
    return conv2d(x, this.weight, {
      ...(this.bias ? { bias: this.bias } : {}),
      ...(stride === undefined ? {} : { stride }),
      ...(padding === undefined ? {} : { padding }),
      ...(dilation === undefined ? {} : { dilation }),
      ...(groups === undefined ? {} : { groups }),
    })
  }
}

/** Options of the pooling modules. */
export interface PoolOptions {
  /** Pixels between windows; the kernel size unless given. */
  readonly stride?: Pair
  /** Pixels around the image that count for nothing, or as zeros in a mean; at most half the kernel, 0 unless given. */
  readonly padding?: Pair
}

/** The largest element of each window. Shape: [N, H, W, C] -> [N, H', W', C]. */
export class MaxPool2d extends Module {
  readonly kernelSize: Pair
  readonly options: PoolOptions

  constructor(kernelSize: Pair, options: PoolOptions = {}) {
    super()
    this.kernelSize = kernelSize
    this.options = options
  }

  override forward(x: Tensor): Tensor {
    return maxPool2d(x, this.kernelSize, this.options)
  }
}

/** The mean of each window. Shape: [N, H, W, C] -> [N, H', W', C]. */
export class AvgPool2d extends Module {
  readonly kernelSize: Pair
  readonly options: PoolOptions & { readonly countIncludePad?: boolean }

  constructor(kernelSize: Pair, options: PoolOptions & { readonly countIncludePad?: boolean } = {}) {
    super()
    this.kernelSize = kernelSize
    this.options = options
  }

  override forward(x: Tensor): Tensor {
    return avgPool2d(x, this.kernelSize, this.options)
  }
}
