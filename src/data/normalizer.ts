import { WgradError } from '../errors.ts'
import type { Field } from './dataset.ts'

/** What a normalizer knows: plain numbers, one for each feature, to keep beside a model. */
export interface NormalizerState {
  /** Taken from each value first. */
  shift: readonly number[]
  /** What is left is divided by this. */
  scale: readonly number[]
}

/** Brings features to a common scale, and back. */
export interface Normalizer extends NormalizerState {
  /** `(x - shift) / scale` of rows of features, and `missing` (0 unless told) where a value is NaN. */
  apply(data: ArrayLike<number>, options?: { missing?: number }): Float32Array<ArrayBuffer>
  /** `x * scale + shift`: what {@link Normalizer.apply} was given. */
  invert(data: ArrayLike<number>): Float32Array<ArrayBuffer>
}

/** How a normalizer is fitted. */
export interface FitNormalizerOptions {
  /**
   * 'standard' for a mean of 0 and a standard deviation of 1 (that of the whole, not of a sample), 'minmax' for a
   * range from 0 to 1. 'standard' unless told.
   */
  kind?: 'standard' | 'minmax'
  /** The rows to fit on: those trained on, so that nothing of the others leaks. All unless told. */
  rows?: ArrayLike<number>
}

/**
 * Fits a normalizer to features. NaN counts as missing and is left out; a feature that never changes keeps scale 1.
 *
 * @param field Values [rows, ...features].
 * @throws WgradError for a feature without any value in the rows, an infinite value, and rows that are not there.
 */
export function fitNormalizer(field: Field, options: FitNormalizerOptions = {}): Normalizer {
  const { kind = 'standard' } = options
  const { data, shape } = field
  const n = shape[0] ?? 0
  const features = shape.slice(1).reduce((product, size) => product * size, 1)
  if (shape.length === 0 || n * features !== data.length) {
    throw new WgradError(
      `fitNormalizer: ${data.length} values and the shape [${shape.join(', ')}]; the first axis counts rows, the others features`,
    )
  }
  const rows = options.rows ?? Array.from({ length: n }, (_, i) => i)
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] as number
    if (!(Number.isInteger(row) && row >= 0 && row < n)) {
      throw new WgradError(`fitNormalizer: row ${row} asked of ${n}; rows go from 0 to ${n - 1}`)
    }
  }
  const fitted = Array.from({ length: features }, (_, feature) => {
    const values: number[] = []
    for (let i = 0; i < rows.length; i++) {
      const value = data[(rows[i] as number) * features + feature] as number
      if (Number.isNaN(value)) continue
      if (!Number.isFinite(value)) {
        throw new WgradError(`fitNormalizer: feature ${feature} of row ${rows[i]} is ${value}; values must be finite`)
      }
      values.push(value)
    }
    if (values.length === 0) {
      throw new WgradError(
        `fitNormalizer: feature ${feature} has no value in the ${rows.length} rows to fit on; leave the feature out`,
      )
    }
    return kind === 'standard' ? moments(values) : range(values)
  })
  return normalizer({ shift: fitted.map(({ shift }) => shift), scale: fitted.map(({ scale }) => scale) })
}

/** A normalizer with the numbers of one fitted before. */
export function normalizer({ shift, scale }: NormalizerState): Normalizer {
  const features = shift.length
  if (scale.length !== features) {
    throw new WgradError(`normalizer: ${features} shifts and ${scale.length} scales; each feature needs one of both`)
  }
  const map = (op: string, data: ArrayLike<number>, each: (x: number, feature: number) => number) => {
    if (features === 0 ? data.length > 0 : data.length % features !== 0) {
      throw new WgradError(`${op}: ${data.length} values; rows of ${features} features are needed`)
    }
    return Float32Array.from(data, (x, i) => each(x, i % features))
  }
  return {
    shift,
    scale,
    apply: (data, { missing = 0 } = {}) =>
      map('apply', data, (x, f) => (Number.isNaN(x) ? missing : (x - (shift[f] as number)) / (scale[f] as number))),
    invert: (data) => map('invert', data, (x, f) => x * (scale[f] as number) + (shift[f] as number)),
  }
}

function moments(values: readonly number[]): { shift: number; scale: number } {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length
  const spread = Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length)
  // The mean of equal values may be off by a rounding, which must not become a scale.
  return { shift: mean, scale: spread > Math.abs(mean) * 1e-12 ? spread : 1 }
}

function range(values: readonly number[]): { shift: number; scale: number } {
  let low = Infinity
  let high = -Infinity
  for (const x of values) {
    low = Math.min(low, x)
    high = Math.max(high, x)
  }
  return { shift: low, scale: high > low ? high - low : 1 }
}
