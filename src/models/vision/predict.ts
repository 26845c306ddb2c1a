import { type ImageToTensorOptions, imageToTensor } from '../../data/image-tensor.ts'
import type { ImageSource } from '../../data/pixels.ts'
import { fail } from '../../errors.ts'
import { noGrad, type Tensor } from '../../graph/tensor.ts'
import { div, maximum, mul } from '../../ops/arithmetic.ts'
import { take } from '../../ops/gather.ts'
import { slice } from '../../ops/movement.ts'
import { globalAvgPool2d } from '../../ops/pool.ts'
import { argmax, max, sum } from '../../ops/reduce.ts'
import { reshape } from '../../ops/reshape.ts'
import { softmax } from '../../ops/softmax.ts'
import { relu } from '../../ops/unary.ts'
import type { ImageClassifier } from '../resnet/classifier.ts'
import type { ImageModelConfig } from './image-model.ts'

/**
 * An image as a classifier expects it, [1, size, size, channels]: resized on the GPU, the middle cut out, normalised. How much of the
 * shorter side is seen, `cropShare` of the config tells: all of it, or 7/8 with torchvision's weights (224 of 256 pixels).
 *
 * @param image Anything that can be drawn on a canvas, a frame of a video, `ImageData`, or pixels read in Node.
 */
export function imageInput(image: ImageSource, config: ImageModelConfig): Tensor {
  const { size, channels, mean, std, cropShare = 1 } = config
  const around = Math.round((size / cropShare - size) / 2)
  const options: ImageToTensorOptions = { size: size + 2 * around, fit: 'cover', channels, mean, std }
  const whole = imageToTensor(image, options)
  const middle = [around, around + size] as const
  return around > 0 ? slice(whole, [null, middle, middle]) : whole
}

/** What a classifier makes of images, and where it looked. */
export interface ImagePrediction {
  /** Shape: [N, classes], rows that add up to 1. */
  readonly probabilities: Tensor
  /** Shape: [N, H', W'], from 0 to 1: how much each place speaks for the class that is the most likely. */
  readonly heat: Tensor
}

/** Classifies images [N, H, W, C], with the {@link gradCam} of the class that is the most likely for each. Records no gradient. */
export function predictImages(model: ImageClassifier, images: Tensor): ImagePrediction {
  return noGrad(() => {
    const maps = model.features(images)
    const probabilities = softmax(model.fc.forward(globalAvgPool2d(maps)))
    return { probabilities, heat: gradCam(model, maps, argmax(probabilities, -1)) }
  })
}

/**
 * Where a classifier looks for a class (Selvaraju et al. 2017, "Grad-CAM"): the sum of the last stage's maps, each weighed by the mean of
 * the class's gradient over it, and cut off below 0. The head is linear in the means of the maps, so that these weights are its row of
 * the class, and no backward pass is needed.
 *
 * @param maps What `model.features` gives, [N, H', W', features].
 * @param classes i32 [N].
 * @returns [N, H', W'] from 0 to 1; zeros where nothing speaks for the class.
 */
export function gradCam(model: ImageClassifier, maps: Tensor, classes: Tensor): Tensor {
  const [count = 0, height = 0, width = 0, features = 0] = maps.shape
  const weights = reshape(take(model.fc.weight, 0, classes), [count, 1, 1, features])
  const heat = relu(sum(mul(maps, weights), -1))
  const most = max(reshape(heat, [count, height * width]), -1, true)
  return div(heat, maximum(reshape(most, [count, 1, 1]), 1e-12))
}

/** A class and how likely it is. */
export interface ClassProbability {
  readonly name: string
  readonly probability: number
}

/** The `count` most likely classes of one image, the most likely first. */
export function topClasses(
  probabilities: ArrayLike<number>,
  classes: readonly string[],
  count = 5,
): ClassProbability[] {
  if (probabilities.length !== classes.length)
    fail(
      'topClasses',
      `${probabilities.length} probabilities for ${classes.length} classes`,
      'give the names of all classes, in the order of the outputs',
    )
  return classes
    .map((name, i) => ({ name, probability: probabilities[i] as number }))
    .sort((a, b) => b.probability - a.probability)
    .slice(0, count)
}
