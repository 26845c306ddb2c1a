import type { Tensor } from '../../graph/tensor.ts'
import { crossEntropy } from '../../ops/loss.ts'
import type { Task } from '../../train/task.ts'
import type { ImageClassifier } from '../resnet/classifier.ts'
import type { ImageTransform } from './augment.ts'
import { type Mixed, mixedLoss, mixup } from './mixup.ts'

/** How a classifier of images is trained. */
export interface ImageTaskOptions {
  /** What images go through while training, in this order. */
  readonly augment?: readonly ImageTransform[]
  /** What images go through at all times, after that; such as {@link normalizeChannels}. */
  readonly normalize?: ImageTransform
  /** The alpha of {@link mixup}, while training; without it images are not mixed. */
  readonly mixup?: number
  /** The share of the target that is spread evenly over all classes while training (Szegedy et al. 2016); 0 unless given. */
  readonly labelSmoothing?: number
}

/**
 * What `fit` and `evaluate` need to know of batches of images `x` [N, H, W, C] and their classes `y`, i32: augmentation on the GPU as a
 * part of the step, and the loss. In evaluation mode images are only normalised, and the loss is the plain cross-entropy.
 *
 * @example await fit(model, loader, { ...imageTask(model, { augment: [randomCrop()], mixup: 0.2 }), optimizer, epochs: 10 })
 */
export function imageTask(
  model: ImageClassifier,
  { augment = [], normalize, mixup: alpha, labelSmoothing = 0 }: ImageTaskOptions = {},
): Required<Pick<Task<'x' | 'y'>, 'forward' | 'loss'>> {
  // A step calls forward and then loss, each time that it is traced.
  let mixed: Mixed | null = null
  return {
    forward({ x }) {
      const seen = model.training ? augment.reduce((images, transform) => transform(images), x) : x
      const normal = normalize ? normalize(seen) : seen
      mixed = model.training && alpha !== undefined ? mixup(normal, alpha) : null
      return model.forward(mixed?.images ?? normal)
    },
    loss(output, { y }): Tensor {
      if (!model.training) return crossEntropy(output, y)
      const lossOf = (classes: Tensor): Tensor => crossEntropy(output, classes, { labelSmoothing })
      return mixed ? mixedLoss(mixed, y, lossOf) : lossOf(y)
    },
  }
}
