import { describe, expect, test } from 'vitest'
import { ArrayDataset, type CsvOptions, readCsv, stackColumns } from '../../src/data/index.ts'

describe('readCsv', () => {
  test('reads decimals, with a mask of what is there', () => {
    const text = '\ufeffa, b ,c\r\n1,2.5,-3e2\r\n\r\n ,NA,.5\n+4.,?,1e-46\n'
    const { length, columns } = readCsv(text)
    expect(length).toBe(3)
    expect(columns.a).toEqual({ values: Float32Array.of(1, Number.NaN, 4), present: Uint8Array.of(1, 0, 1) })
    expect(columns.b).toEqual({ values: Float32Array.of(2.5, Number.NaN, Number.NaN), present: Uint8Array.of(1, 0, 0) })
    expect(columns.c).toEqual({ values: Float32Array.of(-300, 0.5, 0), present: Uint8Array.of(1, 1, 1) })
    expect(readCsv(new TextEncoder().encode(text))).toEqual({ length, columns })
  })

  test('reads the columns asked for, classes by their place in the list', () => {
    const text = 'id,w,kind\nx1,1.5,"b, ""or"" so"\nx2,2,a\nx3,3,NA'
    const table = readCsv(text, { columns: { w: 'number', kind: ['a', 'b, "or" so'] } })
    expect(table.columns.kind).toEqual({ values: Float32Array.of(1, 0, Number.NaN), present: Uint8Array.of(1, 1, 0) })
    expect(Object.keys(table.columns)).toEqual(['w', 'kind'])
    expect(readCsv(text, { columns: ['w'] }).columns.w.values).toEqual(Float32Array.of(1.5, 2, 3))
  })

  test('takes names, delimiter and texts for missing values', () => {
    const options: CsvOptions<'a' | 'b'> = { header: ['a', 'b'], delimiter: '\t', missing: ['-'] }
    expect(readCsv('1\t-\n2\t3', options).columns.b.values).toEqual(Float32Array.of(Number.NaN, 3))
    expect(readCsv('', options)).toMatchObject({ length: 0, columns: { a: { values: new Float32Array(0) } } })
  })

  test('columns side by side make a dataset', () => {
    const table = readCsv('a,b,y\n1,2,0\n3,4,1')
    const x = stackColumns(table, ['b', 'a'])
    expect(x).toEqual({ data: Float32Array.of(2, 1, 4, 3), shape: [2, 2] })
    const y = { ...stackColumns(table, ['y']), shape: [2], dtype: 'i32' as const }
    expect(new ArrayDataset({ x, y }).batch(Uint32Array.of(1)).y.data).toEqual(Int32Array.of(1))
    expect(() => stackColumns(table, ['toString'])).toThrow(
      "stackColumns: there is no column 'toString'; the table has a",
    )
  })

  test('is not slowed down by a long field that is almost a number', () => {
    const begun = performance.now()
    expect(() => readCsv(`a\n${'1'.repeat(1_000_000)}x`)).toThrow('must be a decimal number')
    expect(() => readCsv(`a\n${'"x'.repeat(500_000)}`)).toThrow('goes on behind its closing quote')
    expect(performance.now() - begun).toBeLessThan(2_000)
  })

  test.each([
    ['nothing', '', {}, 'the text is empty; its first row must name the columns'],
    ['a name twice', 'a,b, a', {}, "columns 0 and 2 are both named 'a'; names are unique"],
    ['an unknown column', 'a,b\n1,2', { columns: ['c'] }, "there is no column 'c'; the file has a, b"],
    [
      'a short row',
      'a,b\n1,2\n\n3',
      {},
      'row 4 has 1 fields and there are 2 columns; every row needs one field for each',
    ],
    ['a word', 'a\n1\nx', {}, "row 3, column 'a' is 'x'; it must be a decimal number within f32"],
    ['hexadecimals', 'a\n0x10', {}, "row 2, column 'a' is '0x10'"],
    ['infinity', 'a\nInfinity', {}, "row 2, column 'a' is 'Infinity'"],
    ['what f32 cannot hold', 'a\n1e39', {}, "row 2, column 'a' is '1e39'"],
    ['an unknown class', 'a\nz', { columns: { a: ['x', 'y'] } }, "row 2, column 'a' is 'z'; its classes are x, y"],
    ['a quote inside', 'a\n1"2', {}, 'a quote at character 3 is inside a field that does not start with one'],
    ['an open quote', 'a\n"1', {}, 'the quote at character 2 is never closed; quotes come in pairs'],
    ['text behind a quote', 'a\n"1"2', {}, 'the quoted field at character 2 goes on behind its closing quote at 4'],
    ['bytes that are no UTF-8', Uint8Array.of(0xff), {}, 'the 1 bytes are no UTF-8; decode them with TextDecoder'],
  ] as [string, string | Uint8Array, CsvOptions<string>, string][])('refuses %s', (_, text, options, message) => {
    expect(() => readCsv(text, options)).toThrow(`readCsv: ${message}`)
  })
})
