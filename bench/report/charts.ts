import type { Report, Row, WorkloadResult } from '../run/results.ts'
import { duration, percent, short } from './format.ts'

/** Bars of one engine: a value for each label, and what is told about it. */
export interface Bars {
  readonly name: string
  readonly values: readonly (number | null)[]
  readonly told: readonly string[]
}

/** A chart of lying bars, as plain data. */
export interface ChartData {
  readonly title: string
  /** What the axis measures. */
  readonly axis: string
  readonly logarithmic: boolean
  /** Where bars begin. */
  readonly base: number
  readonly labels: readonly string[]
  readonly bars: readonly Bars[]
}

/** The charts of a report: for each suite the ratios to wgrad, and the shares of the nearer roof. */
export function chartsOf({ workloads }: Report): ChartData[] {
  const suites = [...new Set(workloads.map(({ suite }) => suite))]
  return suites.flatMap((suite) => {
    const own = workloads.filter((w) => w.suite === suite)
    const names = [...new Set(own.flatMap(({ rows }) => rows.map(({ contestant }) => contestant)))]
    const labels = own.map(({ name }) => name)
    const bars = (who: readonly string[], value: (row: Row) => number | null, tell: (row: Row) => string): Bars[] =>
      who.map((name) => ({
        name,
        values: own.map((w) => valueAt(w, name, value)),
        told: own.map((w) => tellOf(w, name, tell)),
      }))
    const peers = names.filter((name) => name !== 'wgrad')
    const charts: ChartData[] = [
      {
        title: `${suite}: time over wgrad's`,
        axis: 'times wgrad',
        logarithmic: true,
        base: 1,
        labels,
        bars: bars(peers, ({ ratio }) => ratio?.value ?? null, tellRatio),
      },
      {
        title: `${suite}: share of the nearer roof`,
        axis: 'share of the roof',
        logarithmic: false,
        base: 0,
        labels,
        bars: bars(names, ({ roof }) => roof?.value ?? null, tellShare),
      },
      {
        title: `${suite}: time`,
        axis: 'milliseconds',
        logarithmic: true,
        base: 0,
        labels,
        bars: bars(
          names,
          ({ ms }) => ms,
          ({ ms }) => (ms === null ? '-' : duration(ms)),
        ),
      },
    ]
    // Engines without a value in a chart would only take room in it.
    return charts
      .map((chart) => ({ ...chart, bars: chart.bars.filter(({ values }) => values.some((value) => value !== null)) }))
      .filter((chart) => chart.bars.length > 0)
  })
}

function rowOf({ rows }: WorkloadResult, contestant: string): Row | undefined {
  return rows.find((row) => row.contestant === contestant)
}

function valueAt(workload: WorkloadResult, name: string, value: (row: Row) => number | null): number | null {
  const row = rowOf(workload, name)
  return row ? value(row) : null
}

function tellOf(workload: WorkloadResult, name: string, tell: (row: Row) => string): string {
  const row = rowOf(workload, name)
  if (!row) return `${name}: not run`
  return row.ms === null ? `${name}: ${row.outcome} ${row.message}` : `${name}: ${tell(row)}`
}

function tellRatio({ ratio, ms }: Row): string {
  const time = ms === null ? '' : duration(ms)
  return ratio ? `${short(ratio.value)} [${short(ratio.low)}, ${short(ratio.high)}], ${time}` : time
}

function tellShare({ roof, gflops }: Row): string {
  return roof === null
    ? '-'
    : `${percent(roof.value)} [${percent(roof.low)}, ${percent(roof.high)}], ${short(gflops ?? 0)} GFLOP/s`
}
