import type { SeriesWindows } from '../../data/series-windows.ts'
import { fail } from '../../errors.ts'
import { factor, solve } from './cholesky.ts'

/** A linear function of a window for each forecast value. */
export interface LinearForecast {
  /** [horizon * targets, window * features] */
  readonly weight: Float32Array<ArrayBuffer>
  /** [horizon * targets] */
  readonly bias: Float32Array<ArrayBuffer>
  /** Forecasts of all windows: [windows, horizon, targets]. */
  forecast(windows: SeriesWindows): Float32Array<ArrayBuffer>
}

/** Keeps a fit unique where inputs follow from others, such as 0 and 1 for each of some classes; scaled inputs do not notice. */
const ridge = 1e-8

/**
 * Fits a linear autoregression by least squares, in double precision on the host: the forecast that a recurrent network must beat. A window
 * whose target is missing is left out for that target.
 *
 * @param windows With inputs of about the same scale.
 * @throws WgradError where a target has fewer values than a window has inputs.
 */
export function fitLinear(windows: SeriesWindows): LinearForecast {
  const { window, features, horizon, targets } = windows
  const inputs = window * features
  const size = inputs + 1
  const outputs = horizon * targets
  const gram = new Float64Array(size * size)
  const moments = Array.from({ length: outputs }, () => new Float64Array(size))
  const missing = Array.from({ length: outputs }, (): number[] => [])
  eachWindow(windows, (row, y, present, index) => {
    addProduct(gram, row, 1)
    for (const [k, at] of moments.entries()) {
      if (present[k] === 0) (missing[k] as number[]).push(index)
      else addScaled(at, row, y[k] as number)
    }
  })
  const weight = new Float32Array(outputs * inputs)
  const bias = new Float32Array(outputs)
  const whole = missing.some(({ length }) => length === 0) ? factor(ridged(gram, size), size) : null
  for (let k = 0; k < outputs; k++) {
    const absent = missing[k] as number[]
    if (windows.length - absent.length < size)
      fail(
        'fitLinear',
        `${windows.length - absent.length} windows with target ${k % targets} and ${size} coefficients`,
        'give a longer series, or a shorter window',
      )
    const factored = whole && absent.length === 0 ? whole : factor(ridged(without(gram, windows, absent), size), size)
    const solution = solve(factored, moments[k] as Float64Array, size)
    weight.set(solution.subarray(0, inputs), k * inputs)
    bias[k] = solution[inputs] as number
  }
  return { weight, bias, forecast: (of) => apply(of, weight, bias) }
}

function apply(windows: SeriesWindows, weight: Float32Array, bias: Float32Array): Float32Array<ArrayBuffer> {
  const outputs = bias.length
  const inputs = windows.window * windows.features
  if (windows.horizon * windows.targets !== outputs || weight.length !== outputs * inputs)
    fail(
      'LinearForecast',
      `windows of ${inputs} inputs and ${windows.horizon * windows.targets} outputs`,
      `it was fitted to ${weight.length / outputs} and ${outputs}`,
    )
  const made = new Float32Array(windows.length * outputs)
  eachWindow(windows, (row, _, __, index) => {
    for (let k = 0; k < outputs; k++) {
      let sum = bias[k] as number
      for (let i = 0; i < inputs; i++) sum += (weight[k * inputs + i] as number) * (row[i] as number)
      made[index * outputs + k] = sum
    }
  })
  return made
}

/** Gives each window as inputs with a 1 behind them, and its targets. */
function eachWindow(
  windows: SeriesWindows,
  take: (row: Float64Array, y: Float32Array, present: Float32Array, index: number) => void,
  indices: ArrayLike<number> = { length: windows.length },
): void {
  const inputs = windows.window * windows.features
  const outputs = windows.horizon * windows.targets
  const row = new Float64Array(inputs + 1).fill(1)
  const cut = 256
  for (let from = 0; from < indices.length; from += cut) {
    const part = Uint32Array.from(
      { length: Math.min(cut, indices.length - from) },
      (_, i) => indices[from + i] ?? from + i,
    )
    const { x, y, present } = windows.batch(part)
    for (const [i, index] of part.entries()) {
      row.set(x.data.subarray(i * inputs, (i + 1) * inputs))
      const place = [i * outputs, (i + 1) * outputs] as const
      take(row, (y.data as Float32Array).subarray(...place), (present.data as Float32Array).subarray(...place), index)
    }
  }
}

/** The products of all windows but some. */
function without(gram: Float64Array, windows: SeriesWindows, absent: readonly number[]): Float64Array {
  const less = Float64Array.from(gram)
  eachWindow(windows, (row) => addProduct(less, row, -1), absent)
  return less
}

/** Adds sign * row row^T to the lower half of a matrix. */
function addProduct(matrix: Float64Array, row: Float64Array, sign: 1 | -1): void {
  const size = row.length
  for (let i = 0; i < size; i++) {
    const factorOf = sign * (row[i] as number)
    if (factorOf === 0) continue
    const start = i * size
    for (let j = 0; j <= i; j++) matrix[start + j] = (matrix[start + j] as number) + factorOf * (row[j] as number)
  }
}

function addScaled(to: Float64Array, row: Float64Array, scale: number): void {
  for (let i = 0; i < row.length; i++) to[i] = (to[i] as number) + scale * (row[i] as number)
}

/** A copy with a little more on the diagonal, in relation to its mean. */
function ridged(matrix: Float64Array, size: number): Float64Array {
  const made = Float64Array.from(matrix)
  let trace = 0
  for (let i = 0; i < size; i++) trace += matrix[i * size + i] as number
  for (let i = 0; i < size; i++) made[i * size + i] = (made[i * size + i] as number) + (ridge * trace) / size
  return made
}
