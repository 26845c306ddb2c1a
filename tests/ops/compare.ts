import type { OpCheck, Ref } from './check.ts'

/** How far two arrays are apart. */
export interface Distance {
  /** The largest error, relative to the largest expected element. */
  readonly worst: number
  /** Names the worst element with both values; null where all are within the bound. */
  readonly problem: string | null
}

/** Gradients below this count as this large: many are 0 but for rounding. */
const smallestGradient = 1e-3

/** Largest finite magnitude, and at least `floor`. */
function scaleOf(values: ArrayLike<number>, floor: number): number {
  let scale = floor
  for (let i = 0; i < values.length; i++) {
    const v = Math.abs(values[i] as number)
    if (v > scale && v !== Number.POSITIVE_INFINITY) scale = v
  }
  return scale
}

/** NaN equals NaN only, and an infinity itself only. */
function errorOf(actual: number, expected: number): number {
  if (Number.isNaN(actual) || Number.isNaN(expected)) return Object.is(actual, expected) ? 0 : Number.POSITIVE_INFINITY
  if (actual === expected) return 0
  const error = Math.abs(actual - expected)
  return Number.isNaN(error) ? Number.POSITIVE_INFINITY : error
}

/** `7 of [3, 5] at [1, 2]` */
function formatPlace(index: number, shape: readonly number[]): string {
  const at: number[] = []
  let rest = index
  for (let d = shape.length - 1; d >= 0; d--) {
    at.unshift(rest % (shape[d] as number))
    rest = Math.floor(rest / (shape[d] as number))
  }
  return `${index} of [${shape.join(', ')}] at [${at.join(', ')}]`
}

/** Compares what the device gave with the reference; `allowed` is relative to the largest element, 0 for whole numbers. */
export function compare(actual: ArrayLike<number>, expected: Ref, allowed: number): Distance {
  const { data, shape } = expected
  if (actual.length !== data.length) {
    return { worst: Number.POSITIVE_INFINITY, problem: `${actual.length} elements, expected ${data.length}` }
  }
  const scale = scaleOf(data, 1e-30)
  let worst = 0
  let at = -1
  for (let i = 0; i < data.length; i++) {
    const error = errorOf(actual[i] as number, data[i] as number) / scale
    if (error > worst) {
      worst = error
      at = i
    }
  }
  if (worst <= allowed) return { worst, problem: null }
  const problem = `element ${formatPlace(at, shape)} is ${actual[at]}, expected ${data[at]}: error ${worst.toExponential(2)} of the largest, allowed ${allowed}`
  return { worst, problem }
}

/** A list of one or more. */
export function listed<T>(value: T | readonly T[]): readonly T[] {
  return Array.isArray(value) ? (value as readonly T[]) : [value as T]
}

const coordinateLimit = 40

/** sum over all outputs of seed * (f(x + h) - f(x - h)) / 2h, the change of x being given by `move`. */
function quotient(
  check: OpCheck,
  inputs: readonly Ref[],
  attrs: unknown,
  which: number,
  seeds: readonly (ArrayLike<number> | null)[],
  move: (data: Float64Array, sign: 1 | -1) => number,
): number {
  const data = (inputs[which] as Ref).data
  let width = 0
  const shifted = ([1, -1] as const).map((sign) => {
    const copy = data.slice()
    width += move(copy, sign)
    const all = inputs.map((r, k) => ({ shape: r.shape, data: k === which ? copy : r.data.slice() }))
    return listed(check.reference(all, attrs))
  })
  const [up, down] = shifted as [readonly Ref[], readonly Ref[]]
  let sum = 0
  up.forEach((ref, k) => {
    const seed = seeds[k]
    const below = (down[k] as Ref).data
    if (!seed) return
    for (let i = 0; i < ref.data.length; i++) {
      sum += (seed[i] as number) * ((ref.data[i] as number) - (below[i] as number))
    }
  })
  return sum / width
}

/**
 * Compares a gradient with central difference quotients of the reference: every coordinate of small inputs; of large ones a
 * selection, and all together along one random direction.
 */
export function compareGradient(
  check: OpCheck,
  inputs: readonly Ref[],
  attrs: unknown,
  which: number,
  seeds: readonly (ArrayLike<number> | null)[],
  actual: ArrayLike<number>,
  random: () => number,
): Distance {
  const { data, shape } = inputs[which] as Ref
  const n = data.length
  if (actual.length !== n)
    return { worst: Number.POSITIVE_INFINITY, problem: `${actual.length} elements, expected ${n}` }
  const allowed = check.tolerance?.backward ?? 1e-4
  const coordinates =
    n <= coordinateLimit
      ? Array.from({ length: n }, (_, i) => i)
      : [...new Set([0, n - 1, ...Array.from({ length: coordinateLimit }, () => Math.floor(random() * n))])]
  const expected = coordinates.map((i) =>
    quotient(check, inputs, attrs, which, seeds, (x, sign) => {
      const before = x[i] as number
      x[i] = before + sign * 1e-5 * Math.max(1, Math.abs(before))
      return sign * ((x[i] as number) - before)
    }),
  )
  const scale = scaleOf(expected, smallestGradient)
  let worst = 0
  let problem: string | null = null
  coordinates.forEach((i, k) => {
    const error = errorOf(actual[i] as number, expected[k] as number) / scale
    if (error > allowed && error > worst) {
      problem = `element ${formatPlace(i, shape)} is ${actual[i]}, its difference quotient ${expected[k]}: error ${error.toExponential(2)} of the largest, allowed ${allowed}`
    }
    worst = Math.max(worst, error)
  })
  if (problem === null && coordinates.length < n) {
    const direction = Float64Array.from({ length: n }, () => (random() < 0.5 ? -1 : 1))
    const along = quotient(check, inputs, attrs, which, seeds, (x, sign) => {
      for (let i = 0; i < n; i++) x[i] = (x[i] as number) + sign * 1e-5 * (direction[i] as number)
      return 1e-5
    })
    const got = direction.reduce((sum, d, i) => sum + d * (actual[i] as number), 0)
    const error = errorOf(got, along) / (scale * Math.sqrt(n))
    worst = Math.max(worst, error)
    if (error > allowed) {
      problem = `along a random direction it is ${got}, its difference quotient ${along}: error ${error.toExponential(2)}, allowed ${allowed}`
    }
  }
  return { worst, problem }
}
