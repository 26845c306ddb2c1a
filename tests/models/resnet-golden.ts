import { readFileSync } from 'node:fs'
import type { StateDict } from '../../src/nn/index.ts'
import { hashes, uniform } from '../golden/formula.ts'
import { channelsFirst, channelsLast, sizeOf } from '../golden/golden.ts'

/** Where the gradients of a batch begin in resnet.bin. */
interface Gradients {
  batch: number
  stream: number
  loss: number
  at: number
}

/** What resnet.py writes as resnet.json. */
interface Manifest {
  seed: number
  samples: number
  projections: number
  logits: { stream: number; at: number }
  eval: Gradients
  train: Gradients
  state: Record<string, string[]>
  sha256: Record<string, string>
}

/** What is kept of a tensor: its norm, its sums under random signs, and some of its elements. */
export interface Figures {
  readonly norm: number
  readonly projections: readonly number[]
  readonly samples: readonly number[]
}

const folder = new URL('../golden/data/', import.meta.url)

/** The manifest of resnet.py. */
export const golden = JSON.parse(readFileSync(new URL('resnet.json', folder), 'utf8')) as Manifest
const bytes = readFileSync(new URL('resnet.bin', folder))
const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** `count` numbers of resnet.bin. */
export function stored(at: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => view.getFloat32(4 * (at + i), true))
}

/** A line of a list of keys, `fc.weight 1000x2048`. */
export function lineOf(key: string, shape: readonly number[]): string {
  return `${key} ${shape.join('x')}`
}

/** The weights of ResNet-50 by resnet.py's formula. */
export function weights(): StateDict {
  const entries = golden.state['50']!.map((line, stream): [string, StateDict[string]] => {
    const [key, sizes] = line.split(' ') as [string, string]
    if (sizes === '') return [key, { shape: [], data: [0] }]
    const shape = sizes.split('x').map(Number)
    const [offset, bound] = rangeOf(key, shape)
    const data = Float32Array.from(uniform(golden.seed, stream, sizeOf(shape)), (u) => offset + bound * u)
    return [key, { shape, data }]
  })
  return Object.fromEntries(entries)
}

function rangeOf(key: string, shape: readonly number[]): readonly [offset: number, bound: number] {
  if (shape.length > 1) return [0, Math.sqrt(6 / sizeOf(shape.slice(1)))]
  if (key.endsWith('bn3.weight')) return [0.2, 0]
  if (key.endsWith('bn3.bias')) return [0.5, 0.1]
  if (key.endsWith('weight') || key.endsWith('running_var')) return [1, 0.25]
  return key === 'fc.bias' || key.endsWith('running_mean') ? [0, 0.1] : [2.5, 0.5]
}

/** The images of a stream, [count, size, size, 3]. */
export function images(count: number, size: number, stream: number): Float32Array<ArrayBuffer> {
  const values = Float32Array.from(uniform(golden.seed, stream, count * 3 * size * size))
  return channelsLast(values, [count, 3, size, size])
}

/** What resnet.py would keep of a gradient of the entry that is `stream` in the state dict, given in the layout of memory. */
export function figuresOf(gradient: ArrayLike<number>, shape: readonly number[], stream: number): Figures {
  const flat = shape.length === 4 ? toFile(gradient, shape) : gradient
  const bits = hashes(golden.seed, 4000 + stream, flat.length)
  const projections = new Array<number>(golden.projections).fill(0)
  let squares = 0
  for (let i = 0; i < flat.length; i++) {
    const value = flat[i] as number
    squares += value * value
    for (let j = 0; j < projections.length; j++)
      projections[j] = (projections[j] as number) + (((bits[i] as number) >>> j) & 1 ? -value : value)
  }
  const at = Array.from(hashes(golden.seed, 5000 + stream, golden.samples), (hash) => hash % flat.length)
  return { norm: Math.sqrt(squares), projections, samples: at.map((i) => flat[i] as number) }
}

/** [out, kh, kw, in] to PyTorch's [out, in, kh, kw]. */
function toFile(data: ArrayLike<number>, [out = 1, kh = 1, kw = 1, inner = 1]: readonly number[]): ArrayLike<number> {
  return kh * kw === 1 ? data : channelsFirst(data, [out, inner, kh, kw])
}

/** The figures of parameter `index` among those of a batch. */
export function expectedFigures({ at }: Gradients, index: number): Figures {
  const { samples, projections } = golden
  const [norm = 0, ...rest] = stored(at + index * (1 + projections + samples), 1 + projections + samples)
  return { norm, projections: rest.slice(0, projections), samples: rest.slice(projections) }
}

/**
 * The distance of two tensors by their figures: the root mean square of what their projections differ by, which is an unbiased estimate,
 * or, where that is more, the difference of the norms or of the samples, below which it cannot be.
 */
export function distanceOf(actual: Figures, expected: Figures): number {
  const apart = (a: readonly number[], b: readonly number[]): number =>
    Math.hypot(...b.map((value, i) => value - (a[i] ?? Number.NaN)))
  const { projections, norm, samples } = expected
  const estimate = apart(actual.projections, projections) / Math.sqrt(projections.length)
  // Samples may name an element more than once.
  const sampled = apart(actual.samples, samples) / Math.sqrt(samples.length)
  return Math.max(estimate, Math.abs(actual.norm - norm), sampled)
}
