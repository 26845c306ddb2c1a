import { type Random, random, readSeries, type Series } from 'wgrad/data'

/** A series to forecast, and a line about where it comes from. */
export interface Found {
  readonly series: Series
  readonly source: string
}

/** A series that this page makes up. */
export function drawnSeries(kind: 'weather' | 'stock'): Found {
  return kind === 'weather' ? weather() : stock()
}

/** The series in a CSV file, of all its columns of numbers. Throws where there are none, or one has no value at all. */
export function fileSeries(bytes: Uint8Array): Found {
  const series = readSeries(bytes)
  const rows = series.shape[0] ?? 0
  return { series, source: `a file of ${rows.toLocaleString('en')} rows: ${series.names.join(', ')}` }
}

/** Four years of days: a year's swing, and weather that lasts for days and comes with the pressure. */
function weather(): Found {
  const noise = normal(random(11))
  let anomaly = 0
  let pressure = 0
  const rows = Array.from({ length: 1461 }, (_, day) => {
    // A low brings cold air a day later.
    anomaly = 0.75 * anomaly + 1.2 * Math.tanh(pressure / 6) + 1.4 * noise()
    pressure = 0.8 * pressure + 4 * noise()
    return [12 + 10 * Math.sin((2 * Math.PI * (day - 105)) / 365.25) + anomaly, 1013 + pressure]
  })
  return made(rows, ['temperature', 'pressure'], 'four years of days that this page made up, in °C and hPa')
}

/** Six years of trading days: a price whose changes cannot be told from its past, calm and wild by turns. */
function stock(): Found {
  const noise = normal(random(12))
  let price = Math.log(100)
  let calm = 0
  const rows = Array.from({ length: 1500 }, () => {
    calm = 0.97 * calm + 0.2 * noise()
    const change = 0.0003 + 0.011 * Math.exp(calm / 2) * noise()
    price += change
    return [Math.exp(price), Math.exp(13 + 0.5 * calm + 0.3 * noise()) / 1e6]
  })
  return made(rows, ['price', 'volume'], 'a price that this page made up: a random walk, which no network can foresee')
}

function made(rows: readonly number[][], names: readonly string[], source: string): Found {
  return { series: { data: Float32Array.from(rows.flat()), shape: [rows.length, names.length], names }, source }
}

/** Numbers of the normal distribution, by the method of Box and Muller. */
function normal({ uniform }: Random): () => number {
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform())
}
