import { afterAll, describe, expect, test } from 'vitest'
import { costOf } from '../../bench/catalogue.ts'
import { Cell } from '../../bench/cell.ts'
import { nodeHost } from '../../bench/hosts/node.ts'
import { expectedOf } from '../../bench/reference/index.ts'
import { comparison } from '../../bench/report/compare.ts'
import { reportHtml } from '../../bench/report/html.ts'
import { reportTable } from '../../bench/report/table.ts'
import { check } from '../../bench/run/check.ts'
import { movesBetween } from '../../bench/run/moves.ts'
import { Player } from '../../bench/run/player.ts'
import type { Report, Row } from '../../bench/run/results.ts'
import { runWorkload } from '../../bench/run/schedule.ts'
import { median, medianRatio, quantile, spread } from '../../bench/run/statistics.ts'
import { positionsOf, type Sampled, sample } from '../../bench/sample.ts'
import type { Task, Workload } from '../../bench/workload.ts'

const product: Task = { kind: 'matmul', m: 24, k: 16, n: 32 }
const workload: Workload = { suite: 'gemm', name: '24x16x32', task: product, ...costOf(product) }

/** Numbers around 1, the same each time. */
function noise(seed: number, n: number, width: number): number[] {
  let state = seed
  return Array.from({ length: n }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return 1 + width * (state / 2 ** 31 - 1)
  })
}

function rowOf(contestant: string, samples: readonly number[]): Row {
  return {
    contestant,
    outcome: 'timed',
    message: '',
    samples,
    roofs: samples.map(() => 0.5),
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

function reportOf(rows: readonly Row[]): Report {
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
    workloads: [{ suite: 'gemm', name: workload.name, flops: 1, bytes: 1, rows, kernels: [] }],
    steady: [],
    startup: [],
  }
}

describe('statistics', () => {
  test('quantiles lie between neighbours', () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(quantile([0, 10], 0.25)).toBe(2.5)
    expect(spread([9, 10, 11])).toBeCloseTo(0.08)
  })

  test('a ratio has an interval around it, and what disturbs a whole round falls out of paired ones', () => {
    const rounds = noise(1, 15, 0.5)
    const jitter = noise(2, 15, 0.01)
    const a = rounds.map((r, i) => 3 * r * (jitter[i] as number))
    const paired = medianRatio(a, rounds, { paired: true })
    const free = medianRatio(a, rounds, { paired: false })
    expect(paired.low).toBeGreaterThan(2.9)
    expect(paired.high).toBeLessThan(3.1)
    expect(free.high - free.low).toBeGreaterThan(4 * (paired.high - paired.low))
  })
})

describe('the check', () => {
  const expected = { c: { length: 3, at: (i: number) => i + 1 } }
  const judge = (values: ArrayLike<number>): boolean => check({ c: sample(values) }, expected).right

  test('tells right from wrong', () => {
    expect(judge([1, 2, 3.0001])).toBe(true)
    expect(judge([1, 2, 3.1])).toBe(false)
    expect(judge([1, 2])).toBe(false)
    expect(judge([1, Number.NaN, 3])).toBe(false)
    expect(judge([0, 0, 0])).toBe(false)
    expect(check({}, expected)).toMatchObject({ right: false, where: 'c is missing' })
  })

  test('measures the change of parameters and not their size', () => {
    const start = (i: number): number => 100 + i
    const trained = { w: { length: 4, at: (i: number) => start(i) + 0.001, start } }
    const moved = (by: number): Sampled => sample(Float64Array.from({ length: 4 }, (_, i) => start(i) + by))
    expect(check({ w: moved(0.00101) }, trained).right).toBe(true)
    expect(check({ w: moved(-0.001) }, trained).right).toBe(false)
    expect(check({ w: moved(0) }, trained)).toMatchObject({ right: false, where: 'the update of the parameters' })
  })

  test('looks at the first, the last and thousands of other elements of long results', () => {
    const positions = positionsOf(1e6)
    expect(positions.slice(0, 2)).toEqual([0, 999_999])
    expect(new Set(positions.map((p) => Math.floor(p / 1000))).size).toBeGreaterThan(900)
  })
})

describe('wgrad agrees with the reference', () => {
  const cell = new Cell(navigator.gpu)
  afterAll(() => cell.close())
  const tasks: Task[] = [
    { ...product, transA: true, transB: true },
    { kind: 'conv', pass: 'forward', batch: 2, size: 7, cin: 3, cout: 5, kernel: 3, stride: 2, padding: 1 },
    { kind: 'conv', pass: 'weight gradient', batch: 2, size: 6, cin: 3, cout: 5, kernel: 3, stride: 1, padding: 1 },
    { kind: 'conv', pass: 'gradients', batch: 2, size: 6, cin: 3, cout: 5, kernel: 3, stride: 1, padding: 1 },
    { kind: 'norm', op: 'batchNorm', pass: 'gradients', rows: 12, columns: 5 },
    { kind: 'norm', op: 'layerNorm', pass: 'gradients', rows: 5, columns: 12 },
    { kind: 'attention', pass: 'gradients', batch: 1, heads: 2, sequence: 6, dim: 4 },
    { kind: 'step', model: 'lstm', batch: 2, sequence: 2, inputs: 3, hidden: 8, checked: 2 },
    { kind: 'step', model: 'gru', batch: 2, sequence: 2, hidden: 8, checked: 2 },
    { kind: 'infer', model: 'bert', batch: 1, size: 6, layers: 1 },
  ]

  test('about every kind of task', async () => {
    await cell.open('wgrad')
    for (const task of tasks) {
      const { results } = await cell.prepare(task)
      const verdict = check(results, expectedOf(task))
      expect(verdict, JSON.stringify(task)).toMatchObject({ right: true })
      expect(verdict.error).toBeLessThan(1e-5)
    }
  })
})

test('planted faults are shown, and the others go on', async () => {
  const host = nodeHost()
  try {
    const names = ['wgrad', 'planted-wrong', 'planted-throws', 'planted-hangs']
    const players = names.map((name) => new Player(name, host))
    for (const player of players) await player.call(120_000, async () => undefined)
    const pace = { rounds: 5, sampleMs: 0, capMs: 5000, roundsMs: 60_000 }
    const told: string[] = []
    const { rows } = await runWorkload(workload, players, pace, {
      tell: (what) => told.push(what),
      stopped: () => false,
      roofline: null,
    })
    const of = (name: string): Row | undefined => rows.find(({ contestant }) => contestant === name)
    expect(of('wgrad')).toMatchObject({ outcome: 'timed', message: '' })
    expect(of('wgrad')?.samples).toHaveLength(5)
    expect(of('planted-wrong')).toMatchObject({ outcome: 'wrong', ms: null })
    expect(of('planted-wrong')?.message).toMatch(/^c is off by 0\.00/)
    expect(of('planted-throws')?.message).toBe('planted: thrown on purpose')
    expect(of('planted-hangs')?.message).toBe('> 5 s')
    const turns = told.filter((what) => /round [12] /.test(what)).map((what) => what.replace(/: round.*/, ''))
    expect(turns.slice(0, 3)).toEqual(['wgrad', 'planted-throws', 'planted-hangs'])
    expect(turns[3]).not.toBe('wgrad')
  } finally {
    await host.close()
  }
})

describe('two runs', () => {
  const quiet = (seed: number, scale = 1): Report =>
    reportOf([
      rowOf(
        'wgrad',
        noise(seed, 15, 0.08).map((v) => scale * v),
      ),
    ])

  test.each([1, 2, 3])('of the same thing have no regression, try %i', (seed) => {
    const text = comparison(quiet(seed), quiet(seed + 100))
    expect(text).toContain('Nothing moved')
  })

  test('show what became half as slow again', () => {
    const [move] = movesBetween(quiet(1), quiet(2, 1.5))
    expect(move?.contestant).toBe('wgrad')
    expect(move?.ratio.value).toBeCloseTo(1.5, 0)
    expect(comparison(quiet(1), quiet(2, 1.5))).toMatch(/24x16x32 +wgrad .*slower/)
  })

  test('show what is wrong now and was right', () => {
    const wrong: Row = { ...rowOf('wgrad', [1, 1]), outcome: 'wrong', message: 'c is off by 1', ms: null, samples: [] }
    expect(comparison(quiet(1), reportOf([wrong]))).toContain('24x16x32, wgrad: timed before, wrong now c is off by 1')
  })
})

test('reports say what was cut, wrong and lacking, and cannot be broken by a message', () => {
  const failed = { ms: null, samples: [], spread: null }
  const report = reportOf([
    rowOf('wgrad', [2, 2.1, 2.2]),
    { ...rowOf('tfjs', [1]), ...failed, outcome: 'too long', message: '> 20 s' },
    { ...rowOf('jax', [1]), ...failed, outcome: 'wrong', message: 'c is off by 0.5 </script><b>' },
  ])
  expect(reportTable(report)).toMatch(/tfjs +> 20 s/)
  expect(reportTable(report)).toMatch(/jax +WRONG +c is off by 0\.5/)
  const html = reportHtml(report)
  expect(html).not.toContain('{{')
  expect(html).not.toContain('</script><b>')
  expect(html).toContain('c is off by 0.5 &lt;/script&gt;')
})
