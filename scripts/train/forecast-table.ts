import { deviation, mean } from './common/statistics.ts'

/** Errors of one way to forecast: for each seed those of each target. */
export interface ErrorRow {
  readonly name: string
  readonly errors: readonly (readonly number[])[]
}

/** The mean over seeds for each target. */
export function means(errors: ErrorRow['errors']): number[] {
  return (errors[0] ?? []).map((_, k) => mean(errors.map((each) => each[k] as number)))
}

/** A table of root mean squared errors, with deviations over seeds, its columns padded. */
export function errorTable(targets: readonly string[], rows: readonly ErrorRow[]): string[][] {
  const cells = [
    ['RMSE', ...targets],
    ...rows.map(({ name, errors }) => [
      name,
      ...targets.map((_, k) => withSpread(errors.map((each) => each[k] as number))),
    ]),
  ]
  return cells.map((row) =>
    row.map((cell, at) => {
      const width = Math.max(...cells.map((other) => other[at]?.length ?? 0))
      return at === 0 ? cell.padEnd(width) : cell.padStart(width)
    }),
  )
}

/** One sentence for each target: whether the network, the last row, was worth it. */
export function verdicts(targets: readonly string[], rows: readonly ErrorRow[]): string[] {
  const network = rows.at(-1) as ErrorRow
  return targets.map((target, k) => {
    const reached = means(network.errors)[k] as number
    const others = rows.slice(0, -1).map(({ name, errors }) => ({ name, error: means(errors)[k] as number }))
    const best = others.reduce((least, other) => (other.error < least.error ? other : least))
    if (best.error === 0) return `${target}: the ${best.name} forecast is exact, so take it.`
    const margin = `${(100 * Math.abs(1 - reached / best.error)).toFixed(1)} %`
    return reached < best.error
      ? `${target}: the ${network.name} is ${margin} better than the best baseline (${best.name}).`
      : `${target}: the ${best.name} forecast wins; the ${network.name} is ${margin} worse, so take the simpler one.`
  })
}

function withSpread(values: readonly number[]): string {
  if (values.length < 2) return mean(values).toFixed(4)
  return `${mean(values).toFixed(4)} +- ${deviation(values).toFixed(4)} (${values.length})`
}
