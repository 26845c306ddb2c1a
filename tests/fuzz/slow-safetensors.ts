import { type Json, slowJson, utf8 } from './slow-json.ts'

/** What a reader found: dtype, shape and plain numbers, by name. */
export type Found = Map<string, { dtype: string; shape: number[]; data: number[] }>

const sizes: Record<string, [number, string]> = {
  F64: [8, 'f32'],
  F32: [4, 'f32'],
  F16: [2, 'f32'],
  BF16: [2, 'f32'],
  I64: [8, 'i32'],
  I32: [4, 'i32'],
  I16: [2, 'i32'],
  I8: [1, 'i32'],
  U64: [8, 'u32'],
  U32: [4, 'u32'],
  U16: [2, 'u32'],
  U8: [1, 'u32'],
  BOOL: [1, 'bool'],
}

function demand(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what)
}

/** A safetensors reader that keeps an owner for every byte; for small files. Throws for a file that is wrong. */
export function slowSafetensors(bytes: Uint8Array): Found {
  demand(bytes.length >= 8, 'short')
  let length = 0n
  for (let i = 7; i >= 0; i--) length = length * 256n + BigInt(bytes[i] as number)
  demand(length + 8n <= BigInt(bytes.length), 'header')
  const start = 8 + Number(length)
  const text = utf8(bytes.subarray(8, start))
  demand(text.startsWith('{'), 'object')
  const entries = pairs(slowJson(text))
  const data = bytes.subarray(start)
  const owners = new Array<string | undefined>(data.length).fill(undefined)
  const found: Found = new Map()
  const empty: number[] = []
  for (const [name, entry] of entries) {
    if (name === '__metadata__') {
      demand(
        [...pairs(entry).values()].every((v) => typeof v === 'string'),
        'metadata',
      )
      continue
    }
    encodeURIComponent(name)
    const fields = pairs(entry)
    demand(fields.size === 3, 'fields')
    const stored = fields.get('dtype')
    demand(typeof stored === 'string' && Object.keys(sizes).includes(stored), 'dtype')
    const [size, dtype] = sizes[stored] as [number, string]
    const shape = counts(fields.get('shape'))
    const [begin, end, ...rest] = counts(fields.get('data_offsets'))
    demand(begin !== undefined && end !== undefined && rest.length === 0, 'offsets')
    demand(begin <= end && end <= data.length, 'range')
    const elements = shape.reduce((product, n) => product * BigInt(n), 1n)
    demand(elements * BigInt(size) === BigInt(end - begin), 'size')
    for (let i = begin; i < end; i++) {
      demand(owners[i] === undefined, 'overlap')
      owners[i] = name
    }
    if (begin === end) empty.push(begin)
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
    const values = Array.from({ length: Number(elements) }, (_, i) => element(view, begin + i * size, stored))
    found.set(name, { dtype, shape, data: values })
  }
  demand(
    owners.every((owner) => owner !== undefined),
    'gap',
  )
  demand(
    empty.every((p) => p === 0 || p === data.length || owners[p - 1] !== owners[p]),
    'inside another',
  )
  return found
}

function pairs(json: Json | undefined): Map<string, Json> {
  demand(typeof json === 'object' && json !== null && 'pairs' in json, 'object')
  const map = new Map(json.pairs)
  demand(map.size === json.pairs.length, 'twice')
  for (const value of map.values()) if (typeof value === 'object' && value !== null && 'pairs' in value) pairs(value)
  return map
}

function counts(json: Json | undefined): number[] {
  demand(Array.isArray(json), 'list')
  return json.map((n) => {
    demand(typeof n === 'number' && n >= 0 && n <= Number.MAX_SAFE_INTEGER && n % 1 === 0 && 1 / n > 0, 'count')
    return n
  })
}

function element(view: DataView, at: number, stored: string): number {
  switch (stored) {
    case 'F64':
      return Math.fround(view.getFloat64(at, true))
    case 'F32':
      return view.getFloat32(at, true)
    case 'F16': {
      const h = view.getUint16(at, true)
      const [exponent, fraction] = [(h >> 10) % 32, h % 1024]
      const size = exponent === 0 ? fraction / 2 ** 24 : (1 + fraction / 1024) * 2 ** (exponent - 15)
      if (exponent === 31) return fraction ? Number.NaN : h >= 0x8000 ? -Infinity : Infinity
      return h >= 0x8000 ? -size : size
    }
    case 'BF16': {
      const wide = new DataView(new ArrayBuffer(4))
      wide.setUint16(2, view.getUint16(at, true), true)
      return wide.getFloat32(0, true)
    }
    case 'I64': {
      const value = view.getBigInt64(at, true)
      demand(BigInt.asIntN(32, value) === value, 'i32')
      return Number(value)
    }
    case 'U64': {
      const value = view.getBigUint64(at, true)
      demand(BigInt.asUintN(32, value) === value, 'u32')
      return Number(value)
    }
    case 'I32':
      return view.getInt32(at, true)
    case 'I16':
      return view.getInt16(at, true)
    case 'I8':
      return view.getInt8(at)
    case 'U32':
      return view.getUint32(at, true)
    case 'U16':
      return view.getUint16(at, true)
    default:
      demand(stored !== 'BOOL' || view.getUint8(at) <= 1, 'bool')
      return view.getUint8(at)
  }
}
