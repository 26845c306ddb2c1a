import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { prepare, readTable, type TableTask, tableTasks } from '../../scripts/train/tables.ts'
import { stepsOf, trainTable } from '../../scripts/train/train-table.ts'
import { type Device, openDevice } from '../../src/node.ts'
import type { Callback, StepLog } from '../../src/train/index.ts'

let device: Device
beforeAll(async () => {
  device = await openDevice()
})
afterAll(() => device.close())

const iris = tableTasks.iris as TableTask
const cancer = tableTasks['breast-cancer'] as TableTask

/**
 * A table of two classes in CSV. A tenth of the labels are turned, so that no network can be right in more than nine of ten unseen rows
 * but by luck; a value is missing here and there.
 */
function drawnTable(rows: number): string {
  let word = 7
  const uniform = (): number => {
    word = (Math.imul(word, 1664525) + 1013904223) >>> 0
    return word / 2 ** 32
  }
  return Array.from({ length: rows }, (_, i) => {
    const isMalignant = i % 3 === 0
    const values = cancer.columns.slice(0, -1).map((_, c) => {
      const value = 1 + Math.floor(4 * uniform() + (isMalignant && c % 2 === 0 ? 5 : 0))
      return uniform() < 0.03 ? '?' : value
    })
    return [...values, isMalignant === i % 10 > 0 ? 4 : 2].join(',')
  }).join('\n')
}

describe('a table', () => {
  test('is trained on fold by fold, to what it allows', async () => {
    const table = readTable(drawnTable(200), cancer)
    const run = { folds: 2, seed: 0, epochs: 15 }
    const steps: StepLog[] = []
    const callbacks: Callback[] = [{ onStep: (log) => void steps.push(log) }]
    const scores = await trainTable(
      table,
      { ...cancer, batchSize: 8, lr: 5e-3 },
      { ...run, training: () => ({ callbacks }) },
    )
    expect(scores.accuracy).toBeGreaterThan(0.87)
    expect(scores.accuracy).toBeLessThan(0.93)
    expect(scores.rocAuc).toBeGreaterThan(0.85)
    expect(steps).toHaveLength(stepsOf(table, { ...cancer, batchSize: 8 }, run))
  })

  test('gets medians and a scale from the rows to train on alone', () => {
    const features = { data: Float32Array.of(1, 10, 2, Number.NaN, 3, 30, 1000, 5000), shape: [4, 2] }
    const { data } = prepare(features, Uint32Array.of(0, 1, 2))
    // First column: mean 2, deviation sqrt(2/3). Second: 20 where missing, so mean 20, deviation sqrt(200/3).
    const [a, b] = [Math.sqrt(2 / 3), Math.sqrt(200 / 3)]
    const expected = [-1 / a, -10 / b, 0, 0, 1 / a, 10 / b, 998 / a, 4980 / b]
    expected.forEach((value, i) => {
      expect(data[i]).toBeCloseTo(value, 4)
    })
  })

  test('that cannot be trained on is refused, with what is wrong', () => {
    const row = '5,1,1,1,2,1,3,1,1,2'
    const messageOf = (csv: string): string => {
      try {
        readTable(csv, cancer)
        return 'nothing thrown'
      } catch (error) {
        return (error as Error).message
      }
    }
    expect([
      messageOf('5,1,1,1,2,1,3,1,2'),
      messageOf(`${row}\n${row}`),
      messageOf(`${row}\n5,1,1,1,2,1,3,1,1,3`),
      messageOf(`${row}\n5,1,1,1,2,1,3,1,1,?`),
      messageOf(`${row}\n5,1,x,1,2,1,3,1,1,4`),
      messageOf(''),
    ]).toMatchInlineSnapshot(`
      [
        "readCsv: row 1 has 9 fields and there are 10 columns; every row needs one field for each",
        "tabular: all 2 rows are of class 2; rows of at least two of 2, 4 are needed",
        "readCsv: row 2, column 'class' is '3'; its classes are 2, 4",
        "tabular: row 2 has no class; every row needs one",
        "readCsv: row 2, column 'cellShape' is 'x'; it must be a decimal number within f32, or one of the texts for missing values",
        "tabular: all 0 rows are of class none; rows of at least two of 2, 4 are needed",
      ]
    `)
  })
})

// The public tables themselves, where there is a folder with them.
const folder = process.env.WGRAD_DATA
if (folder !== undefined) {
  test('of flowers is learned', async () => {
    const table = readTable(readFileSync(join(folder, 'tabular', 'iris.csv')), iris)
    expect(table.labels).toHaveLength(150)
    const scores = await trainTable(table, iris, { folds: 2, seed: 0, epochs: 30 })
    expect(scores.accuracy).toBeGreaterThan(0.9)
  })
}
