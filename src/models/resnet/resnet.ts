import { fail } from '../../errors.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { BatchNorm2d } from '../../nn/batch-norm.ts'
import { Sequential } from '../../nn/container.ts'
import { type Conv2d, MaxPool2d } from '../../nn/conv.ts'
import { zeros_ } from '../../nn/init.ts'
import { Linear } from '../../nn/linear.ts'
import { relu } from '../../ops/unary.ts'
import { BasicBlock, type BlockKind, Bottleneck, projection, ResidualBlock } from './block.ts'
import { convolution, ImageClassifier } from './classifier.ts'

/** Options of the residual networks. */
export interface ResNetOptions {
  /** Classes that the head tells apart; 1000 unless given. */
  readonly numClasses?: number
  /** Starts each block as its shortcut, by a weight of 0 in its last norm (Goyal et al. 2017); false unless given. */
  readonly zeroInitResidual?: boolean
  /** Keeps only what lies between blocks and computes the rest again in the backward pass; false unless given. */
  readonly recompute?: boolean
}

/** What tells the residual networks apart. */
interface Architecture {
  readonly block: BlockKind
  readonly depths: readonly [number, number, number, number]
}

/**
 * Residual network (He et al. 2016) in the form that published weights have: "v1.5", where a bottleneck's 3x3 convolution has the
 * stride. State-dict keys and shapes are torchvision's.
 *
 * Shape: images [N, H, W, 3] -> logits [N, numClasses]. Made by {@link resnet50} and its likes.
 */
export class ResNet extends ImageClassifier {
  readonly conv1: Conv2d = convolution(3, 64, 7, 2)
  readonly bn1: BatchNorm2d = new BatchNorm2d(64)
  readonly layer1: Sequential
  readonly layer2: Sequential
  readonly layer3: Sequential
  readonly layer4: Sequential
  readonly fc: Linear
  private readonly pool = new MaxPool2d(3, { stride: 2, padding: 1 })

  /** @internal Made by the functions of each depth. */
  constructor({ block, depths }: Architecture, options: ResNetOptions) {
    super()
    const { numClasses = 1000, zeroInitResidual = false, recompute = false } = options
    if (!(Number.isInteger(numClasses) && numClasses > 0))
      fail('ResNet', `numClasses is ${numClasses}`, 'it must be a whole number above 0')
    const planes = [64, 128, 256, 512] as const
    const wide = planes.map((each) => each * block.expansion) as [number, number, number, number]
    this.layer1 = stage(block, 64, planes[0], depths[0], 1)
    this.layer2 = stage(block, wide[0], planes[1], depths[1], 2)
    this.layer3 = stage(block, wide[1], planes[2], depths[2], 2)
    this.layer4 = stage(block, wide[2], planes[3], depths[3], 2)
    this.fc = new Linear(wide[3], numClasses)
    for (const part of this.modules()) {
      if (!(part instanceof ResidualBlock)) continue
      part.recompute = recompute
      if (zeroInitResidual && part.lastNorm.weight) zeros_(part.lastNorm.weight)
    }
  }

  override features(x: Tensor): Tensor {
    if (x.shape.length !== 4 || x.shape[3] !== 3)
      fail('ResNet', `x is [${x.shape.join(', ')}]`, 'it must be [images, height, width, 3]')
    const stem = this.pool.forward(relu(this.bn1.forward(this.conv1.forward(x))))
    return [this.layer1, this.layer2, this.layer3, this.layer4].reduce((h, layer) => layer.forward(h), stem)
  }
}

/** `depth` blocks, of which the first has the stride and brings the channels to those of the others. */
function stage(block: BlockKind, inChannels: number, planes: number, depth: number, stride: number): Sequential {
  const outChannels = planes * block.expansion
  const shortcut = stride !== 1 || inChannels !== outChannels ? projection(inChannels, outChannels, stride) : null
  const rest = Array.from({ length: depth - 1 }, () => new block(outChannels, planes, 1, null))
  return new Sequential(new block(inChannels, planes, stride, shortcut), ...rest)
}

/** ResNet-18: 11.7 million parameters, 3.6 GFLOPs for an image of 224x224. */
export function resnet18(options: ResNetOptions = {}): ResNet {
  return new ResNet({ block: BasicBlock, depths: [2, 2, 2, 2] }, options)
}

/** ResNet-34: 21.8 million parameters, 7.3 GFLOPs for an image of 224x224. */
export function resnet34(options: ResNetOptions = {}): ResNet {
  return new ResNet({ block: BasicBlock, depths: [3, 4, 6, 3] }, options)
}

/** ResNet-50: 25.6 million parameters, 8.2 GFLOPs for an image of 224x224. */
export function resnet50(options: ResNetOptions = {}): ResNet {
  return new ResNet({ block: Bottleneck, depths: [3, 4, 6, 3] }, options)
}

/** ResNet-101: 44.5 million parameters, 15.6 GFLOPs for an image of 224x224. */
export function resnet101(options: ResNetOptions = {}): ResNet {
  return new ResNet({ block: Bottleneck, depths: [3, 4, 23, 3] }, options)
}

/** ResNet-152: 60.2 million parameters, 23.0 GFLOPs for an image of 224x224. */
export function resnet152(options: ResNetOptions = {}): ResNet {
  return new ResNet({ block: Bottleneck, depths: [3, 8, 36, 3] }, options)
}
