import type { SteadyResult } from './run-steady.ts'

interface Row {
  readonly what: string
  readonly value: string
  readonly goal?: string
  readonly met?: boolean
}

/** Dispatches that a step may take, by its title's first word. */
const mostDispatches: Readonly<Record<string, number>> = { MLP: 20, CNN: 40 }

/** A table of what was measured, what was aimed at, and whether it was met. */
export function steadyTable(host: string, result: SteadyResult): string {
  const rows = [...countRows(result), ...timeRows(result), ...memoryRows(result)]
  const width = (pick: (row: Row) => string): number => Math.max(...rows.map((row) => pick(row).length))
  const [first, second] = [width((row) => row.what), width((row) => row.value)]
  const lines = rows.map(({ what, value, goal, met }) => {
    const cells = `  ${what.padEnd(first)}  ${value.padStart(second)}`
    return goal === undefined ? cells : `${cells}  ${met ? 'ok  ' : 'OVER'}  ${goal}`
  })
  return [`${result.title}`, `  ${host}, ${result.opened.adapter}`, ...lines, ''].join('\n')
}

function countRows({ title, perStep, steps, opened: { first, cost } }: SteadyResult): Row[] {
  const most = mostDispatches[title.slice(0, 3)] ?? Number.POSITIVE_INFINITY
  const atMost = (what: string, n: number, limit: number, goal: string): Row => ({
    what,
    value: number(n),
    goal,
    met: n <= limit,
  })
  const none = (what: string, n: number): Row => atMost(what, n, 0, 'none')
  return [
    { what: 'first step after prepare()', value: '' },
    none('  pipelines and shader modules', first.pipelines + first.shaderModules),
    { what: `a step, of ${steps}`, value: '' },
    atMost('  dispatches', perStep.dispatches, most, `at most ${most}`),
    atMost('  submits', perStep.submits, 3, 'at most 3'),
    none('  pipelines and shader modules', perStep.pipelines + perStep.shaderModules),
    none('  buffers', perStep.buffers),
    none('  bind groups', perStep.bindGroups),
    none('  mapAsync', perStep.mappings),
    { what: '  writeBuffer', value: number(perStep.writes) },
    { what: '  GFLOP', value: (cost.flops / 1e9).toFixed(3) },
  ]
}

function timeRows({ loop, around, empty, stepsPerSecond }: SteadyResult): Row[] {
  return [
    { what: 'JavaScript, median (mean)', value: '' },
    {
      what: '  a dispatch in the encode loop',
      value: `${loop.median.toFixed(2)} (${loop.mean.toFixed(2)}) us`,
      goal: 'at most 1 us',
      met: loop.median <= 1,
    },
    {
      what: '  encoder, finish, submit of a step',
      value: `${around.median.toFixed(0)} (${around.mean.toFixed(0)}) us`,
      goal: 'at most 60 us',
      met: around.median <= 60,
    },
    { what: '  the same for an empty pass', value: `${empty.median.toFixed(0)} (${empty.mean.toFixed(0)}) us` },
    { what: 'steps per second', value: stepsPerSecond.toFixed(1) },
  ]
}

function memoryRows({ memory, opened: { cost } }: SteadyResult): Row[] {
  const { least, most, peak, from, to, heapGrowth } = memory
  const off = Math.abs(cost.peakBytes - peak) / peak
  return [
    { what: 'GPU memory', value: '' },
    { what: '  predicted peak', value: `${number(cost.peakBytes)} B` },
    {
      what: '  counted peak',
      value: `${number(peak)} B`,
      goal: `within 2 % of it (${(100 * off).toFixed(2)} %)`,
      met: off <= 0.02,
    },
    {
      what: `  change over steps ${from} to ${to}`,
      value: `${number(most - least)} B`,
      goal: 'none',
      met: most === least,
    },
    {
      what: `JavaScript heap, growth over steps ${from} to ${to}`,
      value: `${number(heapGrowth)} B`,
      goal: 'below 1 MB',
      met: heapGrowth < 1e6,
    },
  ]
}

function number(n: number): string {
  return n.toLocaleString('en', { maximumFractionDigits: 2 })
}
