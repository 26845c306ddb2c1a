import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  accuracy,
  averagePrecision,
  confusionMatrix,
  f1,
  type HostValues,
  type Metric,
  mae,
  perplexity,
  precision,
  r2,
  recall,
  rmse,
  rocAuc,
  topKAccuracy,
} from '../../src/train/index.ts'

/** Scores of a few values, so that many are equal, in rows of `classes`, with a class for each row. */
function samples(classes: number): fc.Arbitrary<{ rows: number[][]; labels: number[] }> {
  const score = fc.oneof(fc.integer({ min: -2, max: 2 }), fc.float({ min: -9, max: 9, noNaN: true }))
  const row = fc.record({
    scores: fc.array(score, { minLength: classes, maxLength: classes }),
    label: fc.nat(Math.max(classes, 2) - 1),
  })
  return fc
    .array(row, { minLength: 1, maxLength: 40 })
    .map((list) => ({ rows: list.map((r) => r.scores), labels: list.map((r) => r.label) }))
}

function values(data: readonly number[], shape: readonly number[] = [data.length]): HostValues {
  return { data: Float32Array.from(data), shape }
}

/** The metric of all rows, given in two batches; what came before a reset must not matter. */
function measure<R>(metric: Metric<R>, rows: readonly (readonly number[])[], labels: readonly number[]): R {
  const cut = rows.length >> 1
  const update = (from: number, to: number): void => {
    const some = rows.slice(from, to)
    metric.update(values(some.flat(), [some.length, rows[0]?.length ?? 1]), values(labels.slice(from, to)))
  }
  update(0, rows.length)
  metric.reset()
  if (cut > 0) update(0, cut)
  update(cut, rows.length)
  return metric.compute()
}

function holds(classes: number, body: (rows: number[][], labels: number[]) => void): void {
  fc.assert(
    fc.property(samples(classes), ({ rows, labels }) => body(rows, labels)),
    { seed: 7, numRuns: 150 },
  )
}

/** The first of the highest scores. */
function best(row: readonly number[]): number {
  return row.indexOf(Math.max(...row))
}

describe('decisions', () => {
  test('accuracy and top-k count by sorting', () => {
    holds(5, (rows, labels) => {
      const rank = rows.map((row, i) =>
        row
          .map((score, c) => ({ score, c }))
          .sort((a, b) => b.score - a.score || a.c - b.c)
          .findIndex(({ c }) => c === labels[i]),
      )
      for (const k of [1, 2, 4]) {
        const share = rank.filter((r) => r < k).length / rows.length
        expect(measure(topKAccuracy(k), rows, labels)).toBeCloseTo(share, 12)
        if (k === 1) expect(measure(accuracy(), rows, labels)).toBeCloseTo(share, 12)
      }
    })
  })

  test('the confusion matrix counts each pair of truth and decision', () => {
    holds(3, (rows, labels) => {
      const { counts } = measure(confusionMatrix(), rows, labels)
      for (const truth of [0, 1, 2]) {
        for (const read of [0, 1, 2]) {
          const both = rows.filter((row, i) => labels[i] === truth && best(row) === read).length
          expect(counts[truth]?.[read]).toBe(both)
        }
      }
    })
  })

  test('precision, recall and F1 follow their definitions, for a class, averaged and over all decisions', () => {
    for (const classes of [2, 4]) {
      holds(classes, (rows, labels) => {
        const read = rows.map(best)
        const scores = (wanted: (c: number) => boolean): number[] => {
          const [hits, predicted, present] = [0, 0, 0].map((_, what) =>
            Array.from({ length: classes }, (_, c) => c)
              .filter(wanted)
              .reduce((all, c) => {
                const isOf = (i: number): boolean =>
                  [read[i] === c && labels[i] === c, read[i] === c, labels[i] === c][what] as boolean
                return all + rows.filter((_, i) => isOf(i)).length
              }, 0),
          ) as [number, number, number]
          const p = predicted ? hits / predicted : 0
          const r = present ? hits / present : 0
          return [p, r, p + r ? (2 * p * r) / (p + r) : 0]
        }
        const met = [...new Set([...read, ...labels])].map((c) => scores((other) => other === c))
        for (const [i, metric] of [precision, recall, f1].entries()) {
          const mean = met.reduce((all, s) => all + (s[i] as number), 0) / met.length
          expect(measure(metric({ average: 'macro' }), rows, labels)).toBeCloseTo(mean, 12)
          expect(measure(metric({ average: 'micro' }), rows, labels)).toBeCloseTo(scores(() => true)[i] as number, 12)
          if (classes === 2)
            expect(measure(metric(), rows, labels)).toBeCloseTo(scores((c) => c === 1)[i] as number, 12)
        }
      })
    }
  })

  test('one score for each target decides by the threshold', () => {
    const rows = [[0.4], [0.6], [0.5], [-1]]
    expect(measure(accuracy({ threshold: 0.5 }), rows, [0, 1, 0, 1])).toBe(0.75)
    expect(measure(accuracy(), rows, [1, 1, 1, 0])).toBe(1)
    expect(measure(recall({ threshold: 0.5 }), rows, [0, 1, 1, 1])).toBeCloseTo(1 / 3, 12)
  })
})

describe('ranking', () => {
  test('AUC is the share of pairs in the right order, ties counting half', () => {
    holds(1, (rows, labels) => {
      const of = (label: number): number[] => rows.flatMap((row, i) => (labels[i] === label ? row : []))
      const pairs = of(1).flatMap((p) => of(0).map((n) => (p > n ? 1 : p === n ? 0.5 : 0)))
      if (pairs.length === 0) return
      const share = pairs.reduce((a: number, b) => a + b, 0) / pairs.length
      expect(measure(rocAuc(), rows, labels)).toBeCloseTo(share, 12)
    })
  })

  test('average precision sums precision by gain in recall over all thresholds', () => {
    holds(1, (rows, labels) => {
      const scores = rows.map(([s]) => s as number)
      const positives = labels.filter((l) => l === 1).length
      if (positives === 0) return
      let sum = 0
      let recallBefore = 0
      for (const threshold of [...new Set(scores)].sort((a, b) => b - a)) {
        const taken = labels.filter((_, i) => (scores[i] as number) >= threshold)
        const hits = taken.filter((l) => l === 1).length
        sum += (hits / positives - recallBefore) * (hits / taken.length)
        recallBefore = hits / positives
      }
      expect(measure(averagePrecision(), rows, labels)).toBeCloseTo(sum, 12)
    })
  })

  test('two logits rank by their difference, and thousands of samples fit', () => {
    const rows = Array.from({ length: 3000 }, (_, i) => [-i, i % 7])
    const labels = rows.map((_, i) => Number(i % 3 === 0))
    const single = rows.map(([a, b]) => [(b as number) - (a as number)])
    expect(measure(rocAuc(), rows, labels)).toBe(measure(rocAuc(), single, labels))
    expect(measure(averagePrecision(), rows, labels)).toBe(measure(averagePrecision(), single, labels))
  })

  test('values known by hand', () => {
    // Ranks 1 and 3 of 4 are positive: precision 1 and 2/3, recall in halves; 3 of 4 pairs are in order.
    const rows = [[0.9], [0.8], [0.7], [0.1]]
    expect(measure(averagePrecision(), rows, [1, 0, 1, 0])).toBeCloseTo((1 + 2 / 3) / 2, 12)
    expect(measure(rocAuc(), rows, [1, 0, 1, 0])).toBeCloseTo(0.75, 12)
    const equal = [[1], [1], [1], [1]]
    expect(measure(averagePrecision(), equal, [1, 0, 0, 0])).toBe(0.25)
    expect(measure(rocAuc(), equal, [1, 0, 0, 0])).toBe(0.5)
  })
})

describe('regression', () => {
  test('errors and R2 follow their definitions', () => {
    holds(1, (rows, labels) => {
      const pairs = rows.map(([x], i) => [Math.fround(x as number), (labels[i] as number) + 1000] as const)
      const n = pairs.length
      const near = (value: number, exact: number): void =>
        expect(Math.abs(value - exact)).toBeLessThanOrEqual(1e-10 * Math.max(1, Math.abs(exact)))
      const targets = pairs.map(([, y]) => y)
      const squares = pairs.reduce((all, [x, y]) => all + (x - y) ** 2, 0)
      near(measure(rmse(), rows, targets), Math.sqrt(squares / n))
      near(measure(mae(), rows, targets), pairs.reduce((all, [x, y]) => all + Math.abs(x - y), 0) / n)
      const mean = targets.reduce((a, b) => a + b, 0) / n
      const spread = targets.reduce((all, y) => all + (y - mean) ** 2, 0)
      if (spread > 0) near(measure(r2(), rows, targets), 1 - squares / spread)
    })
  })

  test('perplexity is e to the mean cross entropy, also where logits are large', () => {
    holds(4, (rows, labels) => {
      const nll = rows.map((row, i) => {
        const sum = row.reduce((all, z) => all + Math.exp(Math.fround(z)), 0)
        return Math.log(sum) - Math.fround(row[labels[i] as number] as number)
      })
      const exact = Math.exp(nll.reduce((a, b) => a + b, 0) / nll.length)
      expect(measure(perplexity(), rows, labels) / exact).toBeCloseTo(1, 9)
    })
    expect(measure(perplexity(), [[1000, 1000]], [1])).toBeCloseTo(2, 9)
    expect(
      measure(
        perplexity({ ignoreIndex: -100 }),
        [
          [3, 3],
          [0, 50],
        ],
        [0, -100],
      ),
    ).toBeCloseTo(2, 9)
  })
})

describe('errors name the values', () => {
  const x = values([1, 2, 3, 4], [2, 2])
  const cases: [string, () => unknown][] = [
    ['one class', () => measure(rocAuc(), [[1], [2]], [1, 1])],
    ['no positives', () => measure(averagePrecision(), [[1], [2]], [0, 0])],
    ['other targets', () => measure(rocAuc(), [[1], [2]], [0, 2])],
    ['NaN', () => measure(accuracy(), [[1, Number.NaN]], [0])],
    ['NaN score', () => measure(rocAuc(), [[Number.NaN]], [0])],
    ['infinite logits', () => measure(rocAuc(), [[Infinity, Infinity]], [0])],
    ['NaN target', () => measure(mae(), [[1]], [Number.NaN])],
    ['class', () => measure(accuracy(), [[1, 2]], [2])],
    ['shape', () => accuracy().update(x, values([0, 1, 1]))],
    ['scores', () => rocAuc().update(values([1, 2, 3], [1, 3]), values([0]))],
    ['pairs', () => rmse().update(x, values([1, 2]))],
    [
      'classes change',
      () => {
        const metric = confusionMatrix()
        metric.update(x, values([0, 1]))
        metric.update(values([1, 2, 3], [1, 3]), values([0]))
      },
    ],
    ['binary of three', () => measure(f1(), [[1, 2, 3]], [0])],
    ['nothing', () => accuracy().compute()],
    ['equal targets', () => measure(r2(), [[1], [2]], [5, 5])],
    ['k', () => topKAccuracy(0)],
  ]
  test('in one form', () => {
    const messages = cases.map(([name, run]) => {
      try {
        run()
        return `${name}: nothing thrown`
      } catch (error) {
        return `${name}: ${(error as Error).name} ${(error as Error).message}`
      }
    })
    expect(messages).toMatchInlineSnapshot(`
      [
        "one class: WgradError rocAuc: all 2 targets are 1; it needs targets of both classes",
        "no positives: WgradError averagePrecision: all 2 targets are 0; it needs targets of both classes",
        "other targets: WgradError rocAuc: target 1 is 2; it must be 0 or 1",
        "NaN: WgradError accuracy: output 1 is NaN; it must be a number",
        "NaN score: WgradError rocAuc: output 0 is NaN; it must be a number",
        "infinite logits: WgradError rocAuc: the logits of row 0 are Infinity twice; their difference must be a number",
        "NaN target: WgradError mae: target 0 is NaN; it must be a number",
        "class: WgradError accuracy: target 0 is 2; it must be a class from 0 to 1",
        "shape: WgradError accuracy: the output is [2, 2] and the target [3]; the output needs a row of scores for each target, classes along its last axis",
        "scores: WgradError rocAuc: the output is [1, 3] and the target [1]; the output needs one score for each target, or the logits of two classes along its last axis",
        "pairs: WgradError rmse: the output is [2, 2] and the target [2]; they must have one value for each other",
        "classes change: WgradError confusionMatrix: the output has 3 classes; batches before it had 2",
        "binary of three: WgradError f1: 3 classes with the binary average; choose 'macro' or 'micro', or have two classes",
        "nothing: WgradError accuracy: there were no values; call update with some before compute",
        "equal targets: WgradError r2: all 2 targets are 5; it needs targets that differ",
        "k: WgradError topKAccuracy: k is 0; it must be a whole number of at least 1",
      ]
    `)
  })
})
