import { gunzipSync } from 'node:zlib'
import { utf8 } from './slow-json.ts'

function demand(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what)
}

/** An IDX reader, one element after another. */
export function slowIdx(file: Uint8Array, maxBytes: number): { shape: number[]; data: number[] } {
  const isPacked = file.length > 1 && file[0] === 31 && file[1] === 139
  const bytes = isPacked ? Uint8Array.from(gunzipSync(file, { maxOutputLength: maxBytes })) : file
  demand(bytes.length >= 4 && bytes[0] === 0 && bytes[1] === 0, 'magic')
  const [size, name] = { 8: [1, 'u8'], 9: [1, 'i8'], 11: [2, 'i16'], 12: [4, 'i32'], 13: [4, 'f32'], 14: [8, 'f64'] }[
    bytes[2] as number
  ] ?? [0, '']
  demand(size !== 0, 'type')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const shape: number[] = []
  let at = 4
  for (let axis = 0; axis < (bytes[3] as number); axis++, at += 4) {
    demand(at + 4 <= bytes.length, 'header')
    shape.push(view.getUint32(at))
  }
  const elements = shape.reduce((product, n) => product * BigInt(n), 1n)
  demand(elements * BigInt(size as number) === BigInt(bytes.length - at), 'size')
  const data: number[] = []
  for (; at < bytes.length; at += size as number) {
    if (name === 'u8') data.push(view.getUint8(at))
    if (name === 'i8') data.push(view.getInt8(at))
    if (name === 'i16') data.push(view.getInt16(at))
    if (name === 'i32') data.push(view.getInt32(at))
    if (name === 'f32') data.push(view.getFloat32(at))
    if (name === 'f64') data.push(view.getFloat64(at))
  }
  return { shape, data }
}

/** The rows of CSV, one character after another; null for what RFC 4180 does not allow. */
function slowRows(text: string): string[][] {
  const rows: string[][] = [[]]
  let at = 0
  for (;;) {
    let field = ''
    if (text[at] === '"') {
      for (at++; ; at++) {
        demand(at < text.length, 'open quote')
        if (text[at] === '"' && text[at + 1] === '"') at++
        else if (text[at] === '"') break
        field += text[at]
      }
      at++
      demand(at >= text.length || ',\n\r'.includes(text[at] as string), 'behind a quote')
    } else {
      for (; at < text.length && !',\n\r'.includes(text[at] as string); at++) {
        demand(text[at] !== '"', 'quote inside')
        field += text[at]
      }
    }
    rows.at(-1)?.push(field)
    if (at >= text.length) return rows
    if (text[at] !== ',') {
      if (text[at] === '\r' && text[at + 1] === '\n') at++
      rows.push([])
    }
    at++
  }
}

const missing = ['', 'NA', 'N/A', 'NaN', 'nan', 'null', '?']

/** A CSV reader of the first columns' numbers (NaN where missing); `classes` are the words of the column so named. */
export function slowCsv(bytes: Uint8Array, classes?: { name: string; words: string[] }): Map<string, number[]> {
  const text = utf8(bytes).replace(/^\ufeff/, '')
  const trim = (field: string): string => field.replace(/^\s+/, '').replace(/\s+$/, '')
  const [names, ...rows] = slowRows(text)
    .filter((row) => row.length > 1 || row[0] !== '')
    .map((row) => row.map(trim))
  demand(names !== undefined, 'empty')
  const table = new Map(names.map((name): [string, number[]] => [name, []]))
  demand(table.size === names.length, 'twice')
  demand(classes === undefined || table.has(classes.name), 'no such column')
  for (const row of rows) {
    demand(row.length === names.length, 'width')
    for (const [i, field] of row.entries()) {
      const name = names[i] as string
      if (classes && name !== classes.name) continue
      table.get(name)?.push(slowValue(field, classes?.words))
    }
  }
  if (!classes) return table
  return new Map([[classes.name, table.get(classes.name) ?? []]])
}

function slowValue(field: string, words?: string[]): number {
  const place = words?.indexOf(field) ?? -1
  if (place >= 0) return place
  if (missing.includes(field)) return Number.NaN
  demand(words === undefined, 'class')
  const [, digits = '', point = '', more = ''] = /^[+-]?([0-9]*)(\.?)([0-9]*)(?:[eE][+-]?[0-9]+)?$/.exec(field) ?? []
  demand(digits !== '' || (point === '.' && more !== ''), 'number')
  const value = Math.fround(Number.parseFloat(field))
  demand(Math.abs(value) < Infinity, 'f32')
  return value
}
