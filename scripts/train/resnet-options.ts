import { Command, InvalidArgumentError, Option } from 'commander'
import { type ImageArchitecture, imageArchitectures } from '../../src/models/index.ts'
import { names, positive, share, whole } from './common/options.ts'
import { addRunOptions, type RunOptions } from './common/run.ts'

/** Options of the command line. */
export interface ResNetOptions extends RunOptions {
  data: string
  arch: ImageArchitecture
  width: number
  size?: number
  testShare: number
  epochs: number
  batchSize: number
  lr: number
  momentum: number
  weightDecay: number
  labelSmoothing: number
  mixup?: number
  augment: readonly string[]
  weights?: string
  freeze?: boolean
  seed: number
  save?: string
  atLeast?: number
}

/** What `--augment` may name. */
export const augmentations = ['crop', 'flip', 'resized', 'none'] as const

/** The command line of `resnet`. */
export function resnetCommandLine(): Command {
  const command = new Command('resnet')
    .description('Trains a residual network to tell images apart: from scratch, or on from published weights.')
    .requiredOption(
      '--data <folder>',
      'a folder with PNG or JPEG files for each class, or with two IDX files of images and labels',
    )
    .addOption(new Option('--arch <name>', 'which network').choices(imageArchitectures).default('resnet20'))
    .option('--width <channels>', 'channels of the first stage of resnet20, 32 and 56', whole(1), 16)
    .option(
      '--size <pixels>',
      'height and width of images of a folder (default: 32, or 224 for large networks)',
      whole(8),
    )
    .option('--test-share <share>', 'part of the images to test with; the last ones of IDX files', share, 0.2)
    .option('--epochs <n>', 'how often to see each image', whole(1), 15)
    .option('--batch-size <n>', 'images a step', whole(2), 128)
    .option('--lr <rate>', 'learning rate, which falls along a half cosine to 0 after a short warm-up', positive, 0.1)
    .option('--momentum <share>', 'of the last update that is kept', share, 0.9)
    .option('--weight-decay <rate>', 'of convolutions and the head', share, 5e-4)
    .option('--label-smoothing <share>', 'of the target that is spread over all classes', share, 0)
    .option('--mixup <alpha>', 'mixes images of a batch, by Beta(alpha, alpha)', positive)
    .option('--augment <list>', `of ${augmentations.join(', ')}: what is done to images while training`, augmentList, [
      'crop',
      'flip',
    ])
    .option('--weights <file>', 'safetensors file or URL with published weights to go on from; the head is made anew')
    .option('--freeze', 'trains the head alone')
    .option('--seed <n>', 'of weights, order and augmentation', whole(0), 0)
    .option('--save <file>', 'safetensors file for the trained network, which predict reads')
    .option('--at-least <share>', 'fails where fewer of the test images are told right', share)
  return addRunOptions(command)
}

function augmentList(text: string): string[] {
  const list = names(text)
  for (const name of list)
    if (!augmentations.some((known) => known === name))
      throw new InvalidArgumentError(`There is no ${name}; there are ${augmentations.join(', ')}.`)
  return list
}
