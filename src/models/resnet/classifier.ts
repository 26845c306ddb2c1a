import type { Tensor } from '../../graph/tensor.ts'
import { Conv2d } from '../../nn/conv.ts'
import { fans, kaimingNormal } from '../../nn/init.ts'
import type { Linear } from '../../nn/linear.ts'
import { Module } from '../../nn/module.ts'
import { globalAvgPool2d } from '../../ops/pool.ts'

/** A backbone that makes feature maps of images, and a linear head `fc` on the mean of the maps. */
export abstract class ImageClassifier extends Module {
  /** The head: features to classes. */
  abstract readonly fc: Linear
  private frozen = false

  /** The maps of the last stage. Shape: [N, H, W, 3] -> [N, H', W', features]. */
  abstract features(x: Tensor): Tensor

  /** What the head is given. Shape: [N, H, W, 3] -> [N, features]. */
  pooled(x: Tensor): Tensor {
    return globalAvgPool2d(this.features(x))
  }

  /** Logits. Shape: [N, H, W, 3] -> [N, numClasses]. */
  override forward(x: Tensor): Tensor {
    return this.fc.forward(this.pooled(x))
  }

  /**
   * Freezes all but the head (true), or lets all train. A frozen backbone stays in evaluation mode whatever `train` says, so that its
   * running statistics stay those of the weights that were loaded.
   */
  freezeBackbone(frozen = true): this {
    this.frozen = frozen
    this.requiresGrad_(!frozen)
    this.fc.requiresGrad_()
    return this.train(this.training)
  }

  override train(mode = true): this {
    super.train(mode)
    if (this.frozen) for (const [, part] of this.children()) if (part !== this.fc) part.eval()
    return this
  }
}

/** A convolution without a bias, whose weights start as He et al. 2015 have it, by what flows out of a unit. */
class BackboneConv2d extends Conv2d {
  protected override initialWeight(shape: readonly number[]): Tensor {
    return kaimingNormal(shape, fans(shape).fanOut)
  }
}

/** A convolution for a norm to follow, which keeps the size of images but for the stride. */
export function convolution(inChannels: number, outChannels: number, kernelSize: 1 | 3 | 7, stride = 1): Conv2d {
  return new BackboneConv2d(inChannels, outChannels, kernelSize, { stride, padding: (kernelSize - 1) / 2, bias: false })
}
