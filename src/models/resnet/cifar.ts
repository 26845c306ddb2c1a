import { fail } from '../../errors.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { BatchNorm2d } from '../../nn/batch-norm.ts'
import { Sequential } from '../../nn/container.ts'
import type { Conv2d } from '../../nn/conv.ts'
import { Linear } from '../../nn/linear.ts'
import { Module } from '../../nn/module.ts'
import { pad, slice } from '../../ops/movement.ts'
import { relu } from '../../ops/unary.ts'
import { formatShape } from '../../shape.ts'
import { BasicBlock, projection, type Shortcut } from './block.ts'
import { convolution, ImageClassifier } from './classifier.ts'

/** Options of the residual networks for small images. */
export interface CifarResNetOptions {
  /** Classes that the head tells apart; 10 unless given. */
  readonly numClasses?: number
  /** Channels of the images; 3 unless given. */
  readonly inChannels?: number
  /** Channels of the first stage; the next have twice and four times as many. 16 unless given. */
  readonly width?: number
  /** Where channels change, 'A' adds every second pixel with zeros as new channels, 'B' a 1x1 convolution. 'A' unless given. */
  readonly shortcut?: 'A' | 'B'
}

/** Every `stride`-th pixel, with zeros for the channels that the input has not: a shortcut without weights. */
class PaddedShortcut extends Module {
  private readonly stride: number
  private readonly outChannels: number

  constructor(stride: number, outChannels: number) {
    super()
    this.stride = stride
    this.outChannels = outChannels
  }

  override forward(x: Tensor): Tensor {
    const every = [0, null, this.stride] as const
    const kept = slice(x, [null, every, every])
    const missing = this.outChannels - (x.shape[3] as number)
    return missing > 0
      ? pad(kept, [
          [0, 0],
          [0, 0],
          [0, 0],
          [0, missing],
        ])
      : kept
  }
}

/**
 * Residual network for small images (He et al. 2016, section 4.2): a 3x3 convolution, three stages of n blocks with 16, 32 and 64
 * channels, the mean of each map, and the head: 6n + 2 layers.
 *
 * Shape: images [N, H, W, inChannels] -> logits [N, numClasses]. Made by {@link resnet20} and its likes.
 */
export class CifarResNet extends ImageClassifier {
  readonly conv1: Conv2d
  readonly bn1: BatchNorm2d
  readonly layer1: Sequential
  readonly layer2: Sequential
  readonly layer3: Sequential
  readonly fc: Linear
  private readonly inChannels: number

  /** @internal Made by the functions of each depth. */
  constructor(blocks: number, options: CifarResNetOptions) {
    super()
    const { numClasses = 10, inChannels = 3, width = 16, shortcut = 'A' } = options
    for (const [name, value] of Object.entries({ numClasses, inChannels, width })) {
      if (!(Number.isInteger(value) && value > 0))
        fail('CifarResNet', `${name} is ${value}`, 'it must be a whole number above 0')
    }
    const stage = (from: number, to: number, stride: number): Sequential => {
      const plain = from === to && stride === 1
      const changed = (): Shortcut => (shortcut === 'A' ? new PaddedShortcut(stride, to) : projection(from, to, stride))
      const rest = Array.from({ length: blocks - 1 }, () => new BasicBlock(to, to, 1, null))
      return new Sequential(new BasicBlock(from, to, stride, plain ? null : changed()), ...rest)
    }
    this.inChannels = inChannels
    this.conv1 = convolution(inChannels, width, 3)
    this.bn1 = new BatchNorm2d(width)
    this.layer1 = stage(width, width, 1)
    this.layer2 = stage(width, 2 * width, 2)
    this.layer3 = stage(2 * width, 4 * width, 2)
    this.fc = new Linear(4 * width, numClasses)
  }

  override features(x: Tensor): Tensor {
    if (x.shape.length !== 4 || x.shape[3] !== this.inChannels)
      fail('CifarResNet', `x is ${formatShape(x.shape)}`, `it must be [images, height, width, ${this.inChannels}]`)
    const stem = relu(this.bn1.forward(this.conv1.forward(x)))
    return [this.layer1, this.layer2, this.layer3].reduce((h, layer) => layer.forward(h), stem)
  }
}

/** ResNet-20 for images such as CIFAR's: 0.27 million parameters, 82 MFLOPs for an image of 32x32. */
export function resnet20(options: CifarResNetOptions = {}): CifarResNet {
  return new CifarResNet(3, options)
}

/** ResNet-32 for images such as CIFAR's: 0.46 million parameters. */
export function resnet32(options: CifarResNetOptions = {}): CifarResNet {
  return new CifarResNet(5, options)
}

/** ResNet-56 for images such as CIFAR's: 0.85 million parameters. */
export function resnet56(options: CifarResNetOptions = {}): CifarResNet {
  return new CifarResNet(9, options)
}
