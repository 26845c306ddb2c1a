import { readAll } from '../../src/graph/tensor.ts'
import { crossEntropy, grad, noGrad, tensor } from '../../src/index.ts'
import { type ResNet, type ResNetOptions, resnet50 } from '../../src/models/index.ts'
import {
  distanceOf,
  expectedFigures,
  type Figures,
  figuresOf,
  golden,
  images,
  stored,
  weights,
} from './resnet-golden.ts'

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

/** How far a parameter's gradient is from PyTorch's; the key is the state dict's. */
export interface GradientDistance {
  readonly key: string
  /** Over the norm of PyTorch's gradient; over the norm of all gradients where it is zero by construction. */
  readonly relative: number
  /** The gradient is zero by construction, as that of a constant which a norm in training takes off again: what is left is rounding. */
  readonly isZero: boolean
}

/** Gradients below this share of the norm of all count as zero: PyTorch's own float32 is off by 1e-9 of that norm. */
const zeroBelow = 1e-6

/** The distances of all gradients of the golden batch in a mode, and of its loss under the key `loss`. */
export async function gradientDistances(model: ResNet, mode: 'eval' | 'train'): Promise<GradientDistance[]> {
  const figures = golden[mode]
  const { batch, stream } = figures
  model.train(mode === 'train')
  const x = tensor(images(batch, 64, stream), { shape: [batch, 64, 64, 3] })
  const y = tensor(Int32Array.from({ length: batch }, (_, i) => (i * 97) % 1000))
  const loss = crossEntropy(model.forward(x), y)
  const named = model.namedParameters()
  const parameters = named.map(([, p]) => p)
  const [made, ...gradients] = await readAll([loss, ...grad(loss, parameters)])
  const keys = (golden.state['50'] ?? []).map((line) => line.split(' ')[0])
  const expected = named.map((_, i) => expectedFigures(figures, i))
  const all = Math.hypot(...expected.map(({ norm }) => norm))
  const distances = named.map(([key, { shape }], i) => {
    const wanted = expected[i] as Figures
    const actual = figuresOf(gradients[i] ?? [], shape, keys.indexOf(key))
    const isZero = wanted.norm < zeroBelow * all
    return { key, isZero, relative: distanceOf(actual, wanted) / (isZero ? all : wanted.norm) }
  })
  const off = Math.abs((made?.[0] as number) - figures.loss) / figures.loss
  return [{ key: 'loss', isZero: false, relative: off }, ...distances]
}

/** The largest of the distances; one that is NaN is larger than all. */
export function worstOf([first, ...rest]: readonly GradientDistance[]): GradientDistance | undefined {
  return rest.reduce((a, b) => (a && b.relative <= a.relative ? a : b), first)
}
