import type { Tensor } from '../../graph/tensor.ts'
import { guarded } from '../../graph/trace.ts'
import { BatchNorm2d } from '../../nn/batch-norm.ts'
import { Sequential } from '../../nn/container.ts'
import type { Conv2d } from '../../nn/conv.ts'
import { Module } from '../../nn/module.ts'
import { recomputed } from '../../nn/recompute.ts'
import { add } from '../../ops/arithmetic.ts'
import { relu } from '../../ops/unary.ts'
import { convolution } from './classifier.ts'

/** What is added to a block's output: its input, or what a module makes of it. */
export type Shortcut = Module | null

/** A residual block: relu(branch(x) + shortcut(x)). */
export abstract class ResidualBlock extends Module {
  /** Whether the backward pass computes the block again rather than keeping what lies within it. */
  recompute = false

  /** Null where the block's input itself is added. */
  abstract readonly downsample: Shortcut

  /** The norm behind the branch's last convolution. */
  abstract readonly lastNorm: BatchNorm2d

  protected abstract branch(x: Tensor): Tensor

  override forward(x: Tensor): Tensor {
    const isRecomputed = guarded('recompute', () => this.recompute)
    return isRecomputed ? recomputed((h) => this.output(h), x) : this.output(x)
  }

  private output(x: Tensor): Tensor {
    return relu(add(this.branch(x), this.downsample ? this.downsample.forward(x) : x))
  }
}

/** Two 3x3 convolutions; the first has the stride. Shape: [N, H, W, inChannels] -> [N, H / stride, W / stride, planes]. */
export class BasicBlock extends ResidualBlock {
  static readonly expansion = 1
  readonly conv1: Conv2d
  readonly bn1: BatchNorm2d
  readonly conv2: Conv2d
  readonly bn2: BatchNorm2d
  readonly downsample: Shortcut

  constructor(inChannels: number, planes: number, stride: number, downsample: Shortcut) {
    super()
    this.conv1 = convolution(inChannels, planes, 3, stride)
    this.bn1 = new BatchNorm2d(planes)
    this.conv2 = convolution(planes, planes, 3)
    this.bn2 = new BatchNorm2d(planes)
    this.downsample = downsample
  }

  get lastNorm(): BatchNorm2d {
    return this.bn2
  }

  protected override branch(x: Tensor): Tensor {
    const h = relu(this.bn1.forward(this.conv1.forward(x)))
    return this.bn2.forward(this.conv2.forward(h))
  }
}

/**
 * 1x1, 3x3 and 1x1 convolutions; the 3x3 one has the stride, which the paper gives to the first ("v1.5").
 *
 * Shape: [N, H, W, inChannels] -> [N, H / stride, W / stride, 4 planes].
 */
export class Bottleneck extends ResidualBlock {
  static readonly expansion = 4
  readonly conv1: Conv2d
  readonly bn1: BatchNorm2d
  readonly conv2: Conv2d
  readonly bn2: BatchNorm2d
  readonly conv3: Conv2d
  readonly bn3: BatchNorm2d
  readonly downsample: Shortcut

  constructor(inChannels: number, planes: number, stride: number, downsample: Shortcut) {
    super()
    this.conv1 = convolution(inChannels, planes, 1)
    this.bn1 = new BatchNorm2d(planes)
    this.conv2 = convolution(planes, planes, 3, stride)
    this.bn2 = new BatchNorm2d(planes)
    this.conv3 = convolution(planes, planes * Bottleneck.expansion, 1)
    this.bn3 = new BatchNorm2d(planes * Bottleneck.expansion)
    this.downsample = downsample
  }

  get lastNorm(): BatchNorm2d {
    return this.bn3
  }

  protected override branch(x: Tensor): Tensor {
    const reduced = relu(this.bn1.forward(this.conv1.forward(x)))
    const h = relu(this.bn2.forward(this.conv2.forward(reduced)))
    return this.bn3.forward(this.conv3.forward(h))
  }
}

/** A kind of block, and how many channels it has for each of its planes. */
export type BlockKind = typeof BasicBlock | typeof Bottleneck

/** A 1x1 convolution with a norm: the shortcut where the size or the channels change. */
export function projection(inChannels: number, outChannels: number, stride: number): Sequential {
  return new Sequential(convolution(inChannels, outChannels, 1, stride), new BatchNorm2d(outChannels))
}
