import { describe, expect, test } from 'vitest'
import { comparison } from '../../bench/report/compare.ts'
import { type Move, movesBetween } from '../../bench/run/moves.ts'
import type { Report, Row } from '../../bench/run/results.ts'
import { median, spread } from '../../bench/run/statistics.ts'

const workloads = 12

/** Normally distributed around 0, the same each time. */
function gaussian(seed: number): () => number {
  let state = (Math.imul(seed, 2654435761) + 12345) >>> 0
  const uniform = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state + 0.5) / 2 ** 32
  }
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform())
}

interface Machine {
  /** Standard deviations of the logarithm of a sample, of a glance at the roof, and of all of a workload's in one run. */
  readonly noise: number
  readonly glance: number
  readonly scatter: number
  /** How far the machine's own speed walks from one sample to the next, and how far times follow the roof in that. */
  readonly walk: number
  readonly follows: number
  readonly rounds: number
}

/** A machine that others use: over a run its speed changes by a factor of two and more. */
const shared: Machine = { noise: 0.03, glance: 0.03, scatter: 0.02, walk: 0.1, follows: 1, rounds: 15 }
const quiet: Machine = { noise: 0.01, glance: 0.005, scatter: 0.01, walk: 0, follows: 1, rounds: 15 }
/** One where many programs wait for few cores: times hardly follow the roof, and whole runs have bad luck. */
const crowded: Machine = { noise: 0.25, glance: 0.15, scatter: 0.2, walk: 0.1, follows: 0.2, rounds: 15 }

/** A run of workloads on a machine; `slowed` of them take half as long again as they would. */
function runOn({ noise, glance, scatter, walk, follows, rounds }: Machine, seed: number, slowed = 0): Report {
  const normal = gaussian(seed)
  let speed = walk * 3 * normal()
  const results = Array.from({ length: workloads }, (_, w) => {
    const ms = (1 + w) * Math.exp(scatter * normal()) * (w < slowed ? 1.5 : 1)
    const pairs = Array.from({ length: rounds }, () => {
      speed = 0.95 * speed + walk * normal()
      return [
        ms * Math.exp(follows * speed + noise * normal()),
        (1 + w) * 0.4 * Math.exp(speed + glance * normal()),
      ] as const
    })
    const [samples, roofs] = [pairs.map(([sample]) => sample), pairs.map(([, roof]) => roof)]
    return { suite: 'gemm', name: `workload ${w}`, flops: 1, bytes: 1, rows: [rowOf(samples, roofs)], kernels: [] }
  })
  return {
    schema: 'wgrad-bench/2',
    date: '2026-01-01T00:00:00Z',
    host: 'test',
    adapter: 'none',
    software: true,
    versions: { wgrad: '0' },
    quick: false,
    interrupted: false,
    roof: null,
    workloads: results,
    steady: [],
    startup: [],
  }
}

function rowOf(samples: readonly number[], roofs: readonly number[]): Row {
  return {
    contestant: 'wgrad',
    outcome: 'timed',
    message: '',
    samples,
    roofs,
    ms: median(samples),
    spread: spread(samples),
    runs: 1,
    firstMs: 1,
    error: 0,
    ratio: null,
    gflops: null,
    gbps: null,
    roof: null,
  }
}

const seeds = Array.from({ length: 60 }, (_, i) => i + 1)

function moves(machine: Machine, slowed: number): Move[][] {
  return seeds.map((seed) => movesBetween(runOn(machine, seed), runOn(machine, seed + 1000, slowed)))
}

describe.each([
  ['a quiet machine', quiet, 0.97],
  ['a machine that others use', shared, 0.6],
  ['the same in few rounds', { ...shared, rounds: 5 }, 0.35],
  ['a crowded machine', crowded, 0],
] as const)('two runs on %s', (_, machine, share) => {
  test('of the same thing: at most one comparison of twelve reports a move', () => {
    expect(moves(machine, 0).filter((found) => found.length > 0).length).toBeLessThanOrEqual(seeds.length / 12)
  })

  test.each([1, 6, 12])('%i of twelve slowed by half are told of, by name', (slowed) => {
    const found = moves(machine, slowed)
    const told = found.flat().filter(({ workload }) => Number(workload.split(' ')[1]) < slowed)
    expect(told.length / (slowed * seeds.length)).toBeGreaterThanOrEqual(share)
    if (share === 0) return
    const middle = median(told.map(({ ratio }) => ratio.value))
    // Of what is hard to see, what is seen is what looks larger.
    expect(middle).toBeGreaterThan(1.45)
    expect(middle).toBeLessThan(1.65)
  })
})

test('work that does not follow the roof is not taken for moved where the machine changed its speed', () => {
  const before = runOn(quiet, 1)
  const faster = runOn(quiet, 2)
  const halved = faster.workloads.map((workload) => ({
    ...workload,
    rows: workload.rows.map(({ samples, roofs }) =>
      rowOf(
        samples.map((ms) => ms / 1.2),
        roofs.map((ms) => ms / 1.5),
      ),
    ),
  }))
  expect(movesBetween(before, { ...faster, workloads: halved })).toEqual([])
})

test('without roofs the times themselves are compared, and a machine that became slower is taken for us', () => {
  const bare = (report: Report, scale: number): Report => ({
    ...report,
    workloads: report.workloads.map((workload) => ({
      ...workload,
      rows: workload.rows.map(({ samples }) =>
        rowOf(
          samples.map((ms) => scale * ms),
          [],
        ),
      ),
    })),
  })
  expect(movesBetween(bare(runOn(quiet, 1), 1), bare(runOn(quiet, 2), 1.3))).toHaveLength(workloads)
})

test('a comparison says how much the machine itself changed', () => {
  const before = runOn(quiet, 1)
  const slower = runOn(quiet, 2)
  const twice = slower.workloads.map((workload) => ({
    ...workload,
    rows: workload.rows.map(({ samples, roofs }) =>
      rowOf(
        samples.map((ms) => 2 * ms),
        roofs.map((ms) => 2 * ms),
      ),
    ),
  }))
  const text = comparison(before, { ...slower, workloads: twice })
  expect(text).toMatch(/work takes (2|1\.99|2\.0\d) times/)
  expect(text).toContain('Nothing moved')
})
