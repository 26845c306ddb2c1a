import type { Report, Row, StartupRow, SteadyRow, WorkloadResult } from '../run/results.ts'
import { median } from '../run/statistics.ts'
import { columns, duration, percent, short } from './format.ts'

const outcomes: Readonly<Record<Row['outcome'], string>> = {
  timed: '',
  wrong: 'WRONG',
  failed: 'FAILED',
  'too long': 'CUT',
  lacks: '-',
}

/** What a contestant's line says after its name. */
function cells(row: Row): string[] {
  if (row.ms === null) {
    const time = row.outcome === 'too long' ? row.message : outcomes[row.outcome]
    return [time, '', '', '', '', '', row.outcome === 'too long' ? '' : row.message]
  }
  const { ratio, gflops, gbps, roof, message } = row
  return [
    duration(row.ms),
    row.spread === null ? '' : `±${percent(row.spread)}`,
    // Fewer rounds say nothing about how far it spreads.
    ratio === null
      ? ''
      : `${short(ratio.value)}x${row.samples.length < 3 ? '' : ` [${short(ratio.low)}, ${short(ratio.high)}]`}`,
    gflops === null ? '' : `${short(gflops)} GFLOP/s`,
    gbps === null ? '' : `${short(gbps)} GB/s`,
    roof === null ? '' : percent(roof),
    roof !== null && roof > 1 ? 'above its roof: is all the work done?' : message,
  ]
}

/** Columns of {@link workloadLines} before the message. */
export const workloadColumns = 8

/** The lines of one workload. */
export function workloadLines({ name, rows }: WorkloadResult): string[][] {
  return rows.map((row, i) => [i === 0 ? name : '', row.contestant, ...cells(row)])
}

function workloadTables({ workloads }: Report): string[] {
  const suites = [...new Set(workloads.map(({ suite }) => suite))]
  return suites.map((suite) => {
    const head = [suite, '', 'time', 'spread', 'of wgrad [95 %]', '', '', 'roof', '']
    const lines = workloads.filter((w) => w.suite === suite).flatMap(workloadLines)
    return columns([head, ...lines], 2, workloadColumns)
  })
}

function steadyTable(rows: readonly SteadyRow[]): string {
  const head = ['steady, a step', '', 'dispatches', 'submits', 'bind groups', 'buffers', 'pipelines', 'writes', 'maps']
  const more = ['JS us/dispatch', 'JS us around', 'heap growth', 'GPU growth', 'GPU bytes']
  const lines = rows.map(({ workload, contestant, usage, outcome, message, heapGrowth, gpuGrowth }) => {
    if (!usage) return [workload, contestant, outcomes[outcome] || message, message]
    const { perRun: n } = usage
    const counts = [
      n.dispatches,
      n.submits,
      n.bindGroups,
      n.buffers,
      n.pipelines + n.shaderModules,
      n.writes,
      n.mappings,
    ]
    return [
      workload,
      contestant,
      ...counts.map((count) => short(count)),
      short((1000 * usage.loopMs) / n.dispatches),
      short(1000 * usage.aroundMs),
      ...[heapGrowth ?? 0, gpuGrowth ?? 0, usage.bytes].map((bytes) => Math.round(bytes).toLocaleString('en')),
    ]
  })
  return columns([[...head, ...more], ...lines], 2)
}

function startupTable(rows: readonly StartupRow[]): string {
  const lines = rows.map(({ workload, contestant, outcome, message, openMs, firstMs }) =>
    openMs.length === 0
      ? [workload, contestant, outcomes[outcome], message]
      : [
          workload,
          contestant,
          duration(median(openMs)),
          duration(median(firstMs)),
          duration(median(openMs.map((ms, i) => ms + (firstMs[i] as number)))),
        ],
  )
  return columns([['startup', '', 'import, device', 'first result', 'both'], ...lines], 2)
}

/** Where the figures were taken. */
export function heading({ host, adapter, software, versions, roof, quick, interrupted }: Report): string {
  const used = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  const lines = [
    `${host}, ${adapter}${software ? ' (software: says nothing about GPUs)' : ''}`,
    `${used.join(', ')}${quick ? '; quick' : ''}${interrupted ? '; interrupted' : ''}`,
  ]
  if (roof) {
    const copies = roof.copies.map(({ bytes, gbps }) => `${short(gbps)} GB/s at ${short(bytes / 2 ** 20)} MiB`)
    const off = Math.abs(roof.gflops / roof.gflopsByTimestamps - 1)
    lines.push(`roof: ${short(roof.gflops)} GFLOP/s, ${copies.join(', ')}`)
    if (off > 0.2) lines.push(`timestamps and wall clock disagree by ${percent(off)} about the roof`)
  }
  return lines.join('\n')
}

/** The whole report as text. */
export function reportTable(report: Report): string {
  const parts = [heading(report), ...workloadTables(report)]
  if (report.startup.length > 0) parts.push(startupTable(report.startup))
  if (report.steady.length > 0) parts.push(steadyTable(report.steady))
  return `${parts.join('\n\n')}\n`
}
