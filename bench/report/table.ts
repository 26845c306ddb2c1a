import type { Bandwidth, Kernel, Report, Row, StartupRow, SteadyRow, WorkloadResult } from '../run/results.ts'
import { median } from '../run/statistics.ts'
import { columns, duration, percent, short } from './format.ts'

/** A table to print or to show. */
export interface Table {
  readonly title: string
  /** Heads of the columns; the first `left` hold words. A row may have one more cell, which is text of any length. */
  readonly head: readonly string[]
  readonly left: number
  readonly rows: readonly (readonly string[])[]
}

const outcomes: Readonly<Record<Row['outcome'], string>> = {
  timed: '',
  wrong: 'WRONG',
  failed: 'FAILED',
  'too long': 'CUT',
  lacks: '-',
}

/** What nothing but a fault in a count or a roof brings about. */
const aboveRoof = 'above its roof: is all the work done?'

/** What a contestant's line says after its name. */
function cells(row: Row): string[] {
  if (row.ms === null) {
    const time = row.outcome === 'too long' ? row.message : outcomes[row.outcome]
    return [time, '', '', '', '', '', '', row.outcome === 'too long' ? '' : row.message]
  }
  const { ratio, gflops, gbps, roof, message } = row
  return [
    duration(row.ms),
    row.spread === null ? '' : `±${percent(row.spread)}`,
    // Fewer rounds say nothing about how far it spreads.
    ratio === null
      ? ''
      : `${short(ratio.value)}x${row.samples.length < 3 ? '' : ` [${short(ratio.low)}, ${short(ratio.high)}]`}`,
    gflops === null ? '' : short(gflops),
    gbps === null ? '' : short(gbps),
    roof === null ? '' : percent(roof.value),
    roof === null ? '' : `[${percent(roof.low)}, ${percent(roof.high)}]`,
    roof !== null && roof.low > 1 ? aboveRoof : message,
  ]
}

function linesOf({ name, rows }: WorkloadResult): string[][] {
  return rows.map((row, i) => [i === 0 ? name : '', row.contestant, ...cells(row)])
}

/** The lines of one workload as text. */
export function workloadLines(result: WorkloadResult): string {
  const lines = linesOf(result).map(
    ([name = '', contestant = '', time = '', spread = '', ratio = '', gflops, gbps, ...more]) => [
      name,
      contestant,
      time,
      spread,
      ratio,
      gflops ? `${gflops} GFLOP/s` : '',
      gbps ? `${gbps} GB/s` : '',
      ...more,
    ],
  )
  return columns(lines, 2, 9)
}

function workloadTables({ workloads }: Report): Table[] {
  const suites = [...new Set(workloads.map(({ suite }) => suite))]
  return suites.map((suite) => ({
    title: suite,
    head: ['workload', 'engine', 'time', 'spread', 'of wgrad [95 %]', 'GFLOP/s', 'GB/s', 'roof', '[95 %]'],
    left: 2,
    rows: workloads.filter((w) => w.suite === suite).flatMap(linesOf),
  }))
}

/** One table for each training step and engine that told what its kernels took. */
function kernelTables({ workloads }: Report): Table[] {
  return workloads.flatMap(({ suite, name, kernels }) =>
    [...new Set(kernels.map(({ contestant }) => contestant))].map((contestant) => {
      const own = kernels.filter((kernel) => kernel.contestant === contestant)
      const total = own.reduce((sum, { ms }) => sum + ms, 0)
      return {
        title: `kernels of ${contestant} in ${suite}, ${name}: ${duration(total)} on the GPU`,
        head: ['kernel', 'dispatches', 'time', 'share', 'GFLOP/s', 'GB/s', 'roof'],
        left: 1,
        rows: own.map((kernel) => kernelCells(kernel, total)),
      }
    }),
  )
}

function kernelCells({ name, dispatches, ms, flops, bytes, uncertainty, roof }: Kernel, total: number): string[] {
  const rate = (work: number): string => (ms > 0 ? short(work / ms / 1e6) : '')
  const share = total > 0 ? percent(ms / total) : ''
  if (roof === null) return [name, short(dispatches), duration(ms), share, '', '', '', uncertain(uncertainty)]
  const told = roof > 1 ? aboveRoof : ''
  return [name, short(dispatches), duration(ms), share, rate(flops), rate(bytes), percent(roof), told]
}

function uncertain(uncertainty: number): string {
  return uncertainty > 0.25 ? `uncertain by ${percent(uncertainty)}` : ''
}

function steadyTable(rows: readonly SteadyRow[]): Table {
  const head = ['a step', 'engine', 'dispatches', 'submits', 'bind groups', 'buffers', 'pipelines', 'writes', 'maps']
  const more = ['JS us/dispatch', 'JS us around', 'heap growth', 'GPU growth', 'GPU bytes']
  const lines = rows.map(({ workload, contestant, usage, outcome, message, heapGrowth, gpuGrowth }) => {
    if (!usage) return [workload, contestant, outcomes[outcome] || message, ...Array<string>(11).fill(''), message]
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
      ...[heapGrowth, gpuGrowth, usage.bytes].map((b) => (b === null ? '' : Math.round(b).toLocaleString('en'))),
    ]
  })
  return { title: 'steady', head: [...head, ...more], left: 2, rows: lines }
}

function startupTable(rows: readonly StartupRow[]): Table {
  const lines = rows.map(({ workload, contestant, outcome, message, openMs, firstMs }) =>
    openMs.length === 0
      ? [workload, contestant, outcomes[outcome], '', '', message]
      : [
          workload,
          contestant,
          duration(median(openMs)),
          duration(median(firstMs)),
          duration(median(openMs.map((ms, i) => ms + (firstMs[i] as number)))),
        ],
  )
  return { title: 'startup', head: ['what', 'engine', 'import, device', 'first result', 'both'], left: 2, rows: lines }
}

/** Each kind of traffic with its speed at each size. */
function bandwidths(all: readonly Bandwidth[]): string {
  const kinds = [...new Set(all.map(({ kind }) => kind))]
  const sizes = [...new Set(all.map(({ bytes }) => bytes))]
  const speeds = kinds.map((kind) => {
    const own = all.filter((each) => each.kind === kind).map(({ gbps }) => short(gbps))
    return `${kind} ${own.join(', ')}`
  })
  return `${speeds.join('; ')} (buffers of ${sizes.map((bytes) => short(bytes / 2 ** 20)).join(', ')} MiB)`
}

/** Where the figures were taken. */
export function heading({ host, adapter, software, versions, roof, quick, interrupted }: Report): string {
  const used = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  const lines = [
    `${host}, ${adapter}${software ? ' (software: says nothing about GPUs)' : ''}`,
    `${used.join(', ')}${quick ? '; quick' : ''}${interrupted ? '; interrupted' : ''}`,
  ]
  if (roof) {
    const off = Math.abs(roof.gflops / roof.gflopsByTimestamps - 1)
    lines.push(`roof: ${short(roof.gflops)} GFLOP/s; GB/s of ${bandwidths(roof.bandwidths)}`)
    if (off > 0.2) lines.push(`timestamps and wall clock disagree by ${percent(off)} about the roof`)
  }
  return lines.join('\n')
}

/** All tables of a report. */
export function tablesOf(report: Report): Table[] {
  return [
    ...workloadTables(report),
    ...kernelTables(report),
    ...(report.startup.length > 0 ? [startupTable(report.startup)] : []),
    ...(report.steady.length > 0 ? [steadyTable(report.steady)] : []),
  ]
}

/** The whole report as text. */
export function reportTable(report: Report): string {
  const tables = tablesOf(report).map(
    ({ title, head, rows, left }) => `${title}\n${columns([head, ...rows], left, head.length)}`,
  )
  return `${[heading(report), ...tables].join('\n\n')}\n`
}
