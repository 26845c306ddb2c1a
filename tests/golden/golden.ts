import { readFileSync } from 'node:fs'
import { hashes, uniform } from './formula.ts'

/** A tensor in the model's .bin file: `at` counts elements, `d` is PyTorch's own float32-to-float64 distance. */
export interface Entry {
  shape: number[]
  at: number
  d: number
}

/** One training run; the state, the counters and the outputs in evaluation mode are those after the last step. */
export interface Run {
  optimizer: 'SGD' | 'AdamW'
  options: {
    lr: number
    momentum?: number
    nesterov?: boolean
    weight_decay?: number
    betas?: [number, number]
    eps?: number
  }
  schedule: [step: number, lr: number][]
  losses: number[]
  d: number[]
  state: Record<string, Entry>
  undetermined: string[]
  counters: Record<string, number>
  evaluated: Entry
}

/** What generate.py writes as NAME.json. */
export interface Manifest {
  model: string
  seed: number
  batch: number
  input: { kind: 'float'; shape: number[] } | { kind: 'token'; shape: number[]; tokens: number }
  classes: number
  steps: number
  lastInput: number
  labels: number[]
  keys: string[]
  parameters: { key: string; shape: number[]; offset: number; bound: number; last: number }[]
  probe: {
    loss: number
    d: number
    outputs: Entry
    gradients: Record<string, Entry>
    zero: string[]
    inputGradient?: Entry
  }
  runs: Run[]
}

/** An array as a state dict holds it: PyTorch's layout. */
export interface HostArray {
  shape: number[]
  data: Float32Array<ArrayBuffer>
}

/** The figures of one model. */
export interface Golden extends Manifest {
  /** The stored float64 result, rounded once to float32. */
  values(entry: Entry): Float32Array<ArrayBuffer>
}

/** Reads the figures of `mlp`, `cnn` or `block`. */
export function readGolden(name: string): Golden {
  const folder = new URL('./data/', import.meta.url)
  const manifest = JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8')) as Manifest
  const bytes = readFileSync(new URL(`${name}.bin`, folder))
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const values = ({ shape, at }: Entry): Float32Array<ArrayBuffer> =>
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => view.getFloat32(4 * (at + i), true))
  return { ...manifest, values }
}

/** The state before training, under PyTorch's keys and in its layout; parameter k of the list is stream k. */
export function initialState(golden: Manifest): Record<string, HostArray> {
  const described = new Map(golden.parameters.map((parameter, stream) => [parameter.key, { ...parameter, stream }]))
  const initial = (key: string): HostArray => {
    const parameter = described.get(key)
    if (parameter !== undefined) {
      const { shape, offset, bound, stream } = parameter
      return { shape, data: Float32Array.from(uniform(golden.seed, stream, sizeOf(shape)), (u) => offset + bound * u) }
    }
    const shape = golden.runs[0]?.state[key]?.shape ?? []
    return { shape, data: new Float32Array(sizeOf(shape)).fill(key.endsWith('running_var') ? 1 : 0) }
  }
  return Object.fromEntries(golden.keys.map((key) => [key, initial(key)]))
}

/** Batch `t`: inputs in PyTorch's layout (a row is C, H, W) and one label per row. */
export function batchOf(
  golden: Manifest,
  t: number,
): { x: Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>; y: Int32Array<ArrayBuffer> } {
  const { seed, batch, classes, input } = golden
  const n = sizeOf(input.shape)
  const y = Int32Array.from(hashes(seed, 1001 + 2 * t, batch), (hash) => hash % classes)
  const labelAt = (i: number): number => y[Math.floor(i / n)] ?? 0
  if (input.kind === 'float') {
    const noise = uniform(seed, 1000 + 2 * t, batch * n)
    return { x: Float32Array.from(noise, (u, i) => u + ((i % n) % classes === labelAt(i) ? 1 : 0)), y }
  }
  const per = input.tokens / classes
  const token = (hash: number, i: number): number =>
    hash % 2 === 0 ? (hash >>> 1) % input.tokens : labelAt(i) * per + ((hash >>> 1) % per)
  return { x: Int32Array.from(hashes(seed, 1000 + 2 * t, batch * n), token), y }
}

/** [n, c, h, w] to [n, h, w, c]; `shape` is the argument's. */
export function channelsLast(data: Float32Array, shape: readonly number[]): Float32Array<ArrayBuffer> {
  const [c = 1, h = 1, w = 1] = shape.slice(-3)
  const result = new Float32Array(data.length)
  data.forEach((value, i) => {
    const [n, channel, pixel] = [Math.floor(i / (c * h * w)), Math.floor(i / (h * w)) % c, i % (h * w)]
    result[(n * h * w + pixel) * c + channel] = value
  })
  return result
}

/** [n, h, w, c] to [n, c, h, w]; `shape` is the result's. */
export function channelsFirst(data: ArrayLike<number>, shape: readonly number[]): Float32Array<ArrayBuffer> {
  const [c = 1, h = 1, w = 1] = shape.slice(-3)
  return Float32Array.from({ length: data.length }, (_, i) => {
    const [n, channel, pixel] = [Math.floor(i / (c * h * w)), Math.floor(i / (h * w)) % c, i % (h * w)]
    return data[(n * h * w + pixel) * c + channel] ?? Number.NaN
  })
}

/** The number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((size, length) => size * length, 1)
}

/** |actual - expected| / scale in Euclidean norms; the scale is |expected| unless given. */
export function distance(actual: ArrayLike<number>, expected: ArrayLike<number>, scale = norm(expected)): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY
  return norm(Array.from(expected, (value, i) => (actual[i] ?? Number.NaN) - value)) / scale
}

/** The Euclidean norm of all given arrays together; NaN if any element is. */
export function norm(...arrays: ArrayLike<number>[]): number {
  let sum = 0
  for (const array of arrays) for (let i = 0; i < array.length; i++) sum += (array[i] ?? 0) ** 2
  return Math.sqrt(sum)
}

/** What a result may be off by when PyTorch's own float32 is off by `d`. */
export function bound(d: number): number {
  return Math.max(1e-4, 5 * d)
}
