import { afterEach, expect, test } from 'vitest'
import { Cell, type KernelTimes } from '../../bench/cell.ts'
import { comparison } from '../../bench/report/compare.ts'
import { tablesOf } from '../../bench/report/table.ts'
import { type BenchPlan, runBench } from '../../bench/run/bench.ts'
import type { Host, Room } from '../../bench/run/host.ts'
import { kernelRows } from '../../bench/run/kernels.ts'
import { movesBetween } from '../../bench/run/moves.ts'
import type { Report, Roof } from '../../bench/run/results.ts'
import type { Workload } from '../../bench/workload.ts'

/** 1 GFLOP/s and 1 GB/s: a megaflop or a megabyte takes a millisecond. */
const roof: Roof = {
  gflops: 1,
  gflopsByTimestamps: 1,
  bandwidths: [{ kind: 'copy', bytes: 1e9, gbps: 1, gbpsByTimestamps: 1 }],
  clock: 'timestamps',
}

let cell: Cell | null = null

afterEach(async () => {
  await cell?.close()
  cell = null
})

test('dispatches of a kernel go together, each held against the roof that is nearer to it', () => {
  const times: KernelTimes = {
    dispatches: [
      { name: 'matmul', flops: 2e6, bytes: 1e3 },
      { name: 'add', flops: 1e3, bytes: 3e6 },
      { name: 'matmul', flops: 1e3, bytes: 1e6 },
    ],
    steps: [
      [4, 2, 2],
      [4, 2, 2],
      [5, 2, 3],
    ],
  }
  const [matmul, add] = kernelRows('wgrad', times, roof)
  expect(matmul).toMatchObject({ name: 'matmul', dispatches: 2, samples: [6, 6, 8], flops: 2_001_000 })
  expect(matmul?.ms).toBeCloseTo(20 / 3)
  expect(matmul?.roof).toBeCloseTo(3 / (20 / 3))
  // 3 ms of copying in 2 ms: the count or the roof is wrong, and is said to be.
  expect(add?.roof).toBeCloseTo(1.5)
  const workload = { suite: 'steps', name: 'x', flops: 1, bytes: 1, rows: [], kernels: [matmul!, add!] }
  const table = tablesOf({ ...empty, workloads: [workload] }).find(({ title }) => title.startsWith('kernels of wgrad'))
  expect(table?.rows.map((row) => row.at(-1))).toEqual(['', 'above its roof: is all the work done?'])
})

test('a clock with coarse ticks is right on average, and says how far it can be trusted', () => {
  const dispatches = [{ name: 'add', flops: 1e5, bytes: 1 }]
  const rows = (ticks: number[]): unknown =>
    kernelRows('wgrad', { dispatches, steps: ticks.map((ms) => [ms]) }, roof)[0]
  expect(rows([0, 0.1, 0])).toMatchObject({ ms: 0.1 / 3, roof: null })
  const many = Array.from({ length: 300 }, (_, i) => (i % 3 === 0 ? 0.3 : 0))
  expect(rows(many)).toMatchObject({ ms: expect.closeTo(0.1), roof: expect.closeTo(1) })
})

test('each dispatch of a step is in its kernels', async () => {
  cell = new Cell(navigator.gpu)
  await cell.open('wgrad', { count: true })
  await cell.prepare({ kind: 'step', model: 'mlp', batch: 4, checked: 1 })
  const { perRun } = await cell.usage(1)
  const times = await cell.kernels({ runs: 2, ms: 60_000 })
  expect(times?.dispatches).toHaveLength(perRun.dispatches)
  expect(times?.steps).toHaveLength(2)
  expect(times?.dispatches.map(({ name }) => name)).toContain('adam (optim/adam)')
  expect(Math.min(...(times?.steps.flat() ?? [-1]))).toBeGreaterThanOrEqual(0)
})

test('a kernel that moves within a step that hardly does is told of', () => {
  const report = (matmul: number): Report => {
    const steps = [1, 1.02, 0.99, 1.01].map((jitter) => [matmul * jitter, 100 * jitter])
    const dispatches = ['matmul', 'adam'].map((name) => ({ name, flops: 1, bytes: 1 }))
    const kernels = kernelRows('wgrad', { dispatches, steps }, roof)
    return { ...empty, workloads: [{ suite: 'steps', name: 'MLP', flops: 1, bytes: 1, rows: [], kernels }] }
  }
  expect(movesBetween(report(1), report(1.02))).toEqual([])
  expect(movesBetween(report(1), report(1.5))).toMatchObject([
    { workload: 'MLP: matmul', contestant: 'wgrad', before: 1.005 },
  ])
})

const product: Workload = {
  suite: 'gemm',
  name: 'tiny',
  task: { kind: 'matmul', m: 96, k: 96, n: 96 },
  flops: 2 * 96 ** 3,
  bytes: 12 * 96 ** 2,
}

/**
 * Rooms of this process whose clock is what WebGPU is asked to do: a dispatch takes a millisecond, give or take 4 %, however
 * busy the machine is.
 */
function countingHost(): Host {
  let tick = 0
  const jitter = (): number => 1 + 0.04 * Math.sin(12.9898 * ++tick)
  return {
    name: 'test',
    lacks: () => null,
    async room(): Promise<Room> {
      const opened = new Cell(navigator.gpu)
      return {
        open: (name) => opened.open(name, { count: true }),
        prepare: (task) => opened.prepare(task),
        // Two runs tell of what happens to every other dispatch.
        time: async (runs) => (await opened.usage(2)).perRun.dispatches * runs * jitter(),
        usage: (runs) => opened.usage(runs),
        kernels: (limits) => opened.kernels(limits),
        release: () => opened.release(),
        roof: async () => roof,
        roofNow: async () => roof,
        heapBytes: async () => null,
        kill: () => opened.close(),
      }
    },
    close: async () => undefined,
  }
}

test('a kernel that is slowed by half is told of, its result as right as before', async () => {
  const measure = (more: Partial<BenchPlan>): Promise<Report> =>
    runBench(
      countingHost(),
      { suites: [], contestants: ['wgrad'], quick: false, rounds: 5, workloads: [product], ...more },
      { onProgress: () => undefined, stopped: () => false },
    )
  const before = await measure({})
  expect(comparison(before, await measure({}))).toContain('Nothing moved')
  const after = await measure({ standIn: 'planted-slow' })
  expect(after.workloads[0]?.rows[0]).toMatchObject({ contestant: 'wgrad', outcome: 'timed', message: '' })
  const [move] = movesBetween(before, after)
  expect(move?.ratio.value).toBeCloseTo(1.5, 1)
  expect(comparison(before, after)).toMatch(/tiny +wgrad .*slower/)
})

const empty: Report = {
  schema: 'wgrad-bench/2',
  date: '2026-01-01T00:00:00Z',
  host: 'test',
  adapter: 'none',
  software: true,
  versions: { wgrad: '0' },
  quick: false,
  interrupted: false,
  roof,
  workloads: [],
  steady: [],
  startup: [],
}
