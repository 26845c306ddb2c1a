import { formatBytes } from '../gpu/pool.ts'
import type { Compiled, StepOutputs } from './compile.ts'
import type { Instance } from './instance.ts'
import type { PlanStep } from './plan.ts'
import type { Tensor } from './tensor.ts'

/** One dispatch of a profiled step. */
export interface ProfileRow {
  /** The op with its shape, and where it was called. */
  readonly label: string
  readonly op: string
  /** The shader file. */
  readonly kernel: string
  /** GPU time. */
  readonly microseconds: number
  readonly flops: number
  readonly bytes: number
  readonly grid: readonly [number, number, number]
}

/** GPU times of one step. A profiled step runs one pass per dispatch and is slower than a plain one. */
export interface Profile {
  readonly rows: readonly ProfileRow[]
  readonly microseconds: number
  /** How times were taken: by timestamps on the GPU, or by waiting for each dispatch. */
  readonly clock: 'timestamps' | 'wall'
  /** A table, one line per kernel and op, largest first. */
  table(): string
  /** A file for chrome://tracing or Perfetto. */
  chromeTrace(): string
}

/** Runs one step of a compiled function with a pass and timestamps for every dispatch. The step has its effects. */
export function profile<Args extends readonly Tensor[]>(
  step: Compiled<Args, StepOutputs>,
  ...args: Args
): Promise<Profile> {
  return step.planFor(...args).profile(args, profileInstance)
}

/** Runs the steps of an instance one by one with timestamps around each. `prepare` puts the inputs in place. */
async function profileInstance(
  instance: Instance,
  groups: readonly GPUBindGroup[],
  prepare: () => void,
): Promise<Profile> {
  const { device, plan } = instance
  prepare()
  const timed = device.handle.features.has('timestamp-query') && plan.steps.length > 0
  const times = timed ? await byTimestamps(instance, groups) : await byWaiting(instance, groups)
  const rows = plan.steps.map((s: PlanStep, i): ProfileRow => {
    const { op, label, flops, bytes, grid } = s
    return { op, label, kernel: s.program.name, microseconds: times[i] as number, flops, bytes, grid }
  })
  return makeProfile(rows, timed ? 'timestamps' : 'wall')
}

/** Queries hold at most 4,096 timestamps, so long plans are measured in parts. */
const stepsPerSet = 2048

async function byTimestamps(instance: Instance, groups: readonly GPUBindGroup[]): Promise<number[]> {
  const { handle } = instance.device
  const times: number[] = []
  for (let from = 0; from < groups.length; from += stepsPerSet) {
    const count = Math.min(stepsPerSet, groups.length - from)
    const querySet = handle.createQuerySet({ label: 'profile', type: 'timestamp', count: 2 * count })
    const resolved = handle.createBuffer({
      label: 'profile',
      size: 16 * count,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    })
    const staging = handle.createBuffer({
      label: 'profile',
      size: 16 * count,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    })
    const encoder = handle.createCommandEncoder({ label: 'profile' })
    for (let i = 0; i < count; i++) {
      const pass = encoder.beginComputePass({
        timestampWrites: { querySet, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 },
      })
      dispatch(pass, instance, groups, from + i)
      pass.end()
    }
    encoder.resolveQuerySet(querySet, 0, 2 * count, resolved, 0)
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, 16 * count)
    instance.device.queue.submit([encoder.finish()], 0)
    await staging.mapAsync(GPUMapMode.READ)
    const ticks = new BigUint64Array(staging.getMappedRange().slice(0))
    for (let i = 0; i < count; i++) times.push(Number((ticks[2 * i + 1] as bigint) - (ticks[2 * i] as bigint)) / 1000)
    staging.destroy()
    resolved.destroy()
    querySet.destroy()
  }
  return times
}

async function byWaiting(instance: Instance, groups: readonly GPUBindGroup[]): Promise<number[]> {
  const { handle, queue } = instance.device
  const times: number[] = []
  for (let i = 0; i < groups.length; i++) {
    const encoder = handle.createCommandEncoder({ label: 'profile' })
    const pass = encoder.beginComputePass()
    dispatch(pass, instance, groups, i)
    pass.end()
    const start = performance.now()
    queue.submit([encoder.finish()], 0)
    await handle.queue.onSubmittedWorkDone()
    times.push((performance.now() - start) * 1000)
  }
  return times
}

function dispatch(pass: GPUComputePassEncoder, instance: Instance, groups: readonly GPUBindGroup[], i: number): void {
  const { grid } = instance.plan.steps[i] as PlanStep
  pass.setPipeline(instance.compiled()[i] as GPUComputePipeline)
  pass.setBindGroup(0, groups[i] as GPUBindGroup)
  pass.dispatchWorkgroups(grid[0], grid[1], grid[2])
}

function makeProfile(rows: readonly ProfileRow[], clock: Profile['clock']): Profile {
  const microseconds = rows.reduce((sum, r) => sum + r.microseconds, 0)
  return {
    rows,
    microseconds,
    clock,
    table: () => profileTable(rows, microseconds),
    chromeTrace: () => {
      let ts = 0
      const traceEvents = rows.map((r) => {
        const { flops, bytes, grid, kernel } = r
        const event = {
          name: r.label,
          cat: r.op,
          ph: 'X',
          pid: 1,
          tid: 1,
          ts,
          dur: r.microseconds,
          args: { kernel, flops, bytes, grid: grid.join(' x ') },
        }
        ts += r.microseconds
        return event
      })
      return JSON.stringify({ traceEvents, displayTimeUnit: 'ns' })
    },
  }
}

function profileTable(rows: readonly ProfileRow[], total: number): string {
  const sums = new Map<string, { count: number; us: number; flops: number; bytes: number }>()
  for (const r of rows) {
    const key = `${r.op} (${r.kernel.replace(/\.wgsl$/, '')})`
    const s = sums.get(key) ?? { count: 0, us: 0, flops: 0, bytes: 0 }
    sums.set(key, { count: s.count + 1, us: s.us + r.microseconds, flops: s.flops + r.flops, bytes: s.bytes + r.bytes })
  }
  const lines = [...sums].sort((a, b) => b[1].us - a[1].us)
  const cells = lines.map(([name, s]) => [
    name,
    String(s.count),
    s.us.toFixed(0),
    `${total > 0 ? ((100 * s.us) / total).toFixed(1) : '0'} %`,
    s.us > 0 ? (s.flops / s.us / 1000).toFixed(2) : '-',
    s.us > 0 ? (s.bytes / s.us / 1000).toFixed(2) : '-',
    formatBytes(s.bytes),
  ])
  const table = [['op (kernel)', 'calls', 'us', 'share', 'GFLOP/s', 'GB/s', 'bytes'], ...cells]
  const widths = (table[0] as string[]).map((_, c) => Math.max(...table.map((row) => (row[c] as string).length)))
  return table
    .map((row) =>
      row
        .map((cell, c) => (c === 0 ? cell.padEnd(widths[c] as number) : cell.padStart(widths[c] as number)))
        .join('  '),
    )
    .join('\n')
}
