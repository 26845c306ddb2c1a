import { describe, expect, test } from 'vitest'
import { forwardFill, inspectCsv, readSeries, SeriesWindows } from '../../src/data/index.ts'

const { NaN: none } = Number

/** The message of what a function throws. */
function messageOf(work: () => unknown): string {
  try {
    work()
    return 'nothing thrown'
  } catch (error) {
    return (error as Error).message
  }
}

describe('columns of a CSV', () => {
  test('are told apart by what they hold', () => {
    const dates = Array.from({ length: 40 }, (_, i) => `day ${i},${i},${i % 2 ? 'N' : 'S'},NA`)
    const infos = inspectCsv(`date,count,wind,empty\n${dates.join('\n')}`)
    expect(infos.map(({ name, kind, missing }) => [name, kind, missing])).toEqual([
      ['date', 'text', 0],
      ['count', 'number', 0],
      ['wind', 'class', 0],
      ['empty', 'number', 40],
    ])
    expect(infos[2]?.classes).toEqual(['N', 'S'])
    expect(messageOf(() => inspectCsv(''))).toMatch(/^inspectCsv: the text is empty/)
  })
})

describe('a series', () => {
  const csv = 'hour,wind,temp\n0,N,1\n6,S,NA\n12,N,3\n18,?,4\n'

  test('has numbers, classes as 0 and 1, and what goes round as a sine and a cosine', () => {
    const series = readSeries(csv, { columns: ['temp', 'wind'], cycles: { hour: 24 } })
    expect(series.names).toEqual(['temp', 'wind=N', 'wind=S', 'hour sin', 'hour cos'])
    expect(series.shape).toEqual([4, 5])
    const rows = Array.from({ length: 4 }, (_, i) => Array.from(series.data.subarray(5 * i, 5 * i + 5)))
    const expected = [
      [1, 1, 0, 0, 1],
      [none, 0, 1, 1, 0],
      [3, 1, 0, 0, -1],
      [4, 0, 0, -1, 0],
    ]
    // Sines of whole quarters are off by roundings, and zeros may be negative.
    expect(rows.map((row) => row.map((value) => Number(value.toFixed(4)) + 0))).toEqual(expected)
    expect(readSeries(csv).names).toEqual(['hour', 'temp'])
  })

  test('is refused with what is wrong', () => {
    const dates = Array.from({ length: 40 }, (_, i) => `day ${i},NA`).join('\n')
    // One fault among numbers, which else would go unseen with all of its column.
    const counts = Array.from({ length: 40 }, (_, i) => (i === 20 ? '12O' : i)).join('\n')
    expect([
      messageOf(() => readSeries(`count\n${counts}`)),
      messageOf(() => readSeries(csv, { columns: ['rain'] })),
      messageOf(() => readSeries(`date,x\n${dates}`, { columns: ['date'] })),
      messageOf(() => readSeries(`date,x\n${dates}`)),
      messageOf(() => readSeries('a,b\nx,y')),
      messageOf(() => readSeries(csv, { cycles: { wind: 4 } })),
    ]).toMatchInlineSnapshot(`
      [
        "readCsv: row 22, column 'count' is '12O'; it must be a decimal number within f32, or one of the texts for missing values",
        "readSeries: there is no column 'rain'; the file has hour, wind, temp",
        "readSeries: the column 'date' holds texts; name columns of numbers, or of at most 32 texts",
        "readSeries: the column 'x' has no value in its 40 rows; leave it out",
        "readSeries: no column holds numbers; name columns of numbers or of a few classes",
        "readSeries: the column 'wind' of a cycle holds texts; a cycle needs numbers",
      ]
    `)
  })

  test('takes the last known value where one is missing, never a later one', () => {
    const { data } = forwardFill({ data: Float32Array.of(none, 1, 2, none, none, 3, none, none), shape: [4, 2] })
    expect(Array.from(data)).toEqual([none, 1, 2, 1, 2, 3, 2, 3])
    expect(messageOf(() => forwardFill({ data: new Float32Array(3), shape: [3] }))).toBe(
      'forwardFill: 3 values and the shape [3]; it must be [steps, features]',
    )
  })
})

describe('windows', () => {
  const steps = 8
  const inputs = { data: Float32Array.from({ length: 2 * steps }, (_, i) => i), shape: [steps, 2] }
  const targets = {
    data: Float32Array.from({ length: steps }, (_, i) => (i === 5 ? none : 100 + i)),
    shape: [steps, 1],
  }

  test('see what is before a step, and are to forecast it and what is after', () => {
    const windows = new SeriesWindows(inputs, targets, { window: 3, horizon: 2 })
    expect(windows.length).toBe(4)
    const { x, y, present } = windows.batch(Uint32Array.of(0, 3))
    expect([x.shape, y.shape]).toEqual([
      [2, 3, 2],
      [2, 2, 1],
    ])
    expect(Array.from(x.data)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    expect(Array.from(y.data)).toEqual([103, 104, 106, 107])
    expect(Array.from(present.data)).toEqual([1, 1, 1, 1])
    // Step 5 has no target.
    const gap = windows.batch(Uint32Array.of(1))
    expect([Array.from(gap.y.data), Array.from(gap.present.data)]).toEqual([
      [104, 0],
      [1, 0],
    ])
  })

  test('before a split end before it, and those behind it begin there', () => {
    const before = new SeriesWindows(inputs, targets, { window: 3, horizon: 2, to: 6 })
    const after = new SeriesWindows(inputs, targets, { window: 3, horizon: 2, from: 6 })
    expect(Array.from(before.batch(Uint32Array.of(before.length - 1)).y.data)).toEqual([104, 0])
    expect(after.length).toBe(1)
    expect(Array.from(after.batch(Uint32Array.of(0)).x.data)).toEqual([6, 7, 8, 9, 10, 11])
  })

  test('are refused with what is wrong', () => {
    expect([
      messageOf(() => new SeriesWindows(inputs, targets, { window: 7, horizon: 2 })),
      messageOf(() => new SeriesWindows(inputs, targets, { window: 0 })),
      messageOf(() => new SeriesWindows(inputs, targets, { window: 3, from: 2 })),
      messageOf(() => new SeriesWindows({ ...inputs, data: inputs.data.with(5, none) }, targets, { window: 3 })),
      messageOf(() => new SeriesWindows(inputs, { data: new Float32Array(3), shape: [3, 1] }, { window: 3 })),
      messageOf(() => new SeriesWindows(inputs, targets, { window: 3 }).batch(Uint32Array.of(5))),
    ]).toMatchInlineSnapshot(`
      [
        "SeriesWindows: steps 7 to 8 are too few for a horizon of 2; a series needs at least 9 steps, of which 7 come first",
        "SeriesWindows: window is 0; it must be a whole number above 0",
        "SeriesWindows: steps 2 to 8 of 8 are to be forecast; the first must have 3 before it, and the last be there",
        "SeriesWindows: input 1 of step 2 is NaN; fill gaps, as forwardFill and a Normalizer do",
        "SeriesWindows: inputs of 8 steps and targets of 3; each step needs both",
        "SeriesWindows: window 5 asked of 5; indices go from 0 to length - 1",
      ]
    `)
  })
})
