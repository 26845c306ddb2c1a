import { readAll } from '../../src/graph/tensor.ts'
import { crossEntropy, grad, noGrad, tensor } from '../../src/index.ts'
import { type ResNet, type ResNetOptions, resnet50 } from '../../src/models/index.ts'
import { distanceOf, expectedFigures, figuresOf, golden, images, stored, weights } from './resnet-golden.ts'

/** ResNet-50 with the weights of the golden figures. */
export function loadedResnet50(options: ResNetOptions = {}): ResNet {
  const model = resnet50(options)
  model.loadStateDict(weights())
  return model
}

/** How far the logits of an image of 224x224 are from PyTorch's: the largest difference over the largest logit. */
export async function logitsDistance(model: ResNet): Promise<number> {
  model.eval()
  const { stream, at } = golden.logits
  const x = tensor(images(1, 224, stream), { shape: [1, 224, 224, 3] })
  const logits = await noGrad(() => model.forward(x)).data()
  const expected = stored(at, 1000)
  const off = expected.map((value, i) => Math.abs((logits[i] as number) - value))
  return Math.max(...off) / Math.max(...expected.map(Math.abs))
}

/** How far a parameter's gradient is from PyTorch's, over the norm of PyTorch's; the key is the state dict's. */
export interface GradientDistance {
  readonly key: string
  readonly relative: number
}

/** The distances of all gradients of the golden batch in a mode, and of its loss under the key `loss`. */
export async function gradientDistances(model: ResNet, mode: 'eval' | 'train'): Promise<GradientDistance[]> {
  const figures = golden[mode]
  const { batch, stream } = figures
  model.train(mode === 'train')
  const x = tensor(images(batch, 64, stream), { shape: [batch, 64, 64, 3] })
  const y = tensor(Int32Array.from({ length: batch }, (_, i) => (i * 97) % 1000))
  const loss = crossEntropy(model.forward(x), y)
  const named = model.namedParameters()
  const [made, ...gradients] = await readAll([
    loss,
    ...grad(
      loss,
      named.map(([, p]) => p),
    ),
  ])
  const keys = (golden.state['50'] ?? []).map((line) => line.split(' ')[0])
  const distances = named.map(([key, { shape }], i) => {
    const actual = figuresOf(gradients[i] ?? [], shape, keys.indexOf(key))
    const expected = expectedFigures(figures, i)
    return { key, relative: distanceOf(actual, expected) / expected.norm }
  })
  return [{ key: 'loss', relative: Math.abs((made?.[0] as number) - figures.loss) / figures.loss }, ...distances]
}

/** The largest of the distances; one that is NaN is larger than all. */
export function worstOf(distances: readonly GradientDistance[]): GradientDistance {
  return distances.reduce((a, b) => (b.relative <= a.relative ? a : b))
}
