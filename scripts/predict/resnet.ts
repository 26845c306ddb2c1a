import { Command } from 'commander'
import { imageInput, parseClassNames, predictImages, topClasses } from '../../src/models/index.ts'
import { openDevice, readImage } from '../../src/node.ts'
import { whole } from '../train/common/options.ts'
import { readNamed } from '../train/common/read-named.ts'
import { loadImages } from '../train/image-weights.ts'
import { eachInput } from './each-input.ts'

interface PredictOptions {
  weights: string
  labels?: string
  top: number
}

/** `resnet`: what is on a picture. */
export function resnetCommand(): Command {
  return new Command('resnet')
    .description(
      'Says what is on pictures, by a residual network that was trained here or whose weights are published.',
    )
    .argument('<images...>', 'PNG or JPEG files')
    .requiredOption(
      '--weights <file>',
      "safetensors file or URL: of `train -- resnet --save`, or by torchvision's keys",
    )
    .option('--labels <file>', 'names of the classes, one a line or JSON, where the weights have none')
    .option('--top <n>', 'how many classes to show', whole(1), 5)
    .action(predict)
}

async function predict(images: readonly string[], { weights, labels, top }: PredictOptions): Promise<void> {
  const device = await openDevice()
  try {
    const { model, config } = await loadImages(weights)
    const named =
      labels === undefined ? null : await readNamed('resnet', labels, '--labels has the names of the classes')
    const classes = named ? parseClassNames(named.toString()) : config.classes
    const lookAt = async (path: string): Promise<void> => {
      const { probabilities, heat } = predictImages(model, imageInput(await readImage(path), config))
      console.log(`${path}:`)
      for (const { name, probability } of topClasses(await probabilities.data(), classes, top))
        console.log(`  ${(100 * probability).toFixed(1).padStart(5)} %  ${name}`)
      console.log(`  looked at the ${placeOf(await heat.data(), heat.shape[2] as number)}`)
    }
    await eachInput(images, lookAt, { system: 'resnet', kind: 'picture' })
  } finally {
    device.close()
  }
}

/** Where most of the heat is, in words. */
function placeOf(heat: ArrayLike<number>, width: number): string {
  let [sum, x, y] = [0, 0, 0]
  for (let i = 0; i < heat.length; i++) {
    const value = heat[i] as number
    sum += value
    x += value * ((i % width) + 0.5)
    y += value * (Math.floor(i / width) + 0.5)
  }
  const third = (at: number, of: number): number => Math.min(2, Math.floor((3 * at) / (sum * of || 1)))
  const rows = ['top', 'middle', 'bottom'] as const
  const columns = ['left', 'middle', 'right'] as const
  const [row, column] = [rows[third(y, heat.length / width)], columns[third(x, width)]]
  return row === column ? 'middle' : `${row} ${column}`
}
