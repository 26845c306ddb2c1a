import type { DType } from '../../src/dtype.ts'
import type { InputSpec } from './check.ts'

/** A seed that depends on the text alone; FNV-1a. */
export function seedOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

/** Numbers from [0, 1) by xorshift, the same everywhere. */
export function randomFrom(seed: number): () => number {
  let state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

const ranges: Record<DType, readonly [number, number]> = {
  f32: [-2, 2],
  f16: [-2, 2],
  i32: [-9, 9],
  u32: [0, 9],
  bool: [0, 1],
}

/** The values of an input; floats are rounded to single precision, so that device and reference start from the same. */
export function inputValues(spec: InputSpec, random: () => number): Float64Array {
  const { shape, dtype = 'f32', values, step } = spec
  const [low, high] = spec.range ?? ranges[dtype]
  const isWhole = dtype === 'i32' || dtype === 'u32' || dtype === 'bool'
  const n = shape.reduce((a, b) => a * b, 1)
  const out = new Float64Array(n)
  for (let i = 0; i < n; i++) {
    if (values) out[i] = values[i % values.length] as number
    else if (step !== undefined) out[i] = (i - Math.floor(n / 2) + 0.5) * step
    else {
      const drawn = low + random() * (high - low + (isWhole ? 1 : 0))
      out[i] = isWhole ? Math.floor(drawn) : drawn
    }
  }
  if (step !== undefined) shuffle(out, random)
  // Multiples of 2^-7 are exact in f16 too, up to 16.
  if (dtype === 'f16') return out.map((v) => Math.round(v * 128) / 128)
  return dtype === 'f32' ? out.map(Math.fround) : out
}

function shuffle(values: Float64Array, random: () => number): void {
  for (let i = values.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const held = values[i] as number
    values[i] = values[j] as number
    values[j] = held
  }
}
