import { createHash } from 'node:crypto'
import { openAsBlob } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openCache } from '../../src/data/index.ts'
import { openSafetensors, readSafetensors, streamSafetensors, writeSafetensors } from '../../src/io/index.ts'

/** A file made by hand: the header as text, the data as bytes. */
function file(
  header: string | Uint8Array,
  data: number[] | Uint8Array = [],
  claimed?: bigint,
): Uint8Array<ArrayBuffer> {
  const text = typeof header === 'string' ? new TextEncoder().encode(header) : header
  const out = new Uint8Array(8 + text.length + data.length)
  new DataView(out.buffer).setBigUint64(0, claimed ?? BigInt(text.length), true)
  out.set(text, 8)
  out.set(data, 8 + text.length)
  return out
}

const one = (dtype: string, shape: number[], data: number[]): Uint8Array<ArrayBuffer> =>
  file(JSON.stringify({ a: { dtype, shape, data_offsets: [0, data.length] } }), data)

const weights = {
  'fc.weight': { shape: [2, 3], data: Float32Array.of(1, -2, 3.5, 0, 1e-40, 6) },
  'bn.num_batches_tracked': { shape: [], data: Int32Array.of(7) },
  mask: { shape: [3], data: Uint8Array.of(1, 0, 1), dtype: 'bool' as const },
  '0': { shape: [0, 4], data: new Float32Array(0) },
}

describe('safetensors', () => {
  test('come back as they were written', async () => {
    const bytes = writeSafetensors(weights, { metadata: { format: 'pt', note: 'é"\\' } })
    const opened = await openSafetensors(bytes)
    expect(opened.metadata).toEqual({ format: 'pt', note: 'é"\\' })
    expect(opened.names).toEqual(['0', 'bn.num_batches_tracked', 'fc.weight', 'mask'])
    expect(opened.info('fc.weight')).toMatchObject({ stored: 'F32', shape: [2, 3] })
    const read = await readSafetensors(bytes)
    for (const [name, { shape, data }] of Object.entries(weights)) expect(read[name]).toMatchObject({ shape, data })
    expect(read.mask?.dtype).toBe('bool')
    expect(writeSafetensors(read, { metadata: { format: 'pt', note: 'é"\\' } })).toEqual(bytes)
  })

  test('are laid out so that every tensor is aligned, header padded to 8 with spaces', async () => {
    const bytes = writeSafetensors({ b: { shape: [3], data: Uint8Array.of(1, 2, 3) }, a: weights['fc.weight'] })
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true))
    expect(length % 8).toBe(0)
    expect(new TextDecoder().decode(bytes.subarray(8, 8 + length)).trimEnd()).toBe(
      '{"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"b":{"dtype":"U8","shape":[3],"data_offsets":[24,27]}}',
    )
    expect(bytes.length).toBe(8 + length + 27)
  })

  test('stream the same bytes', async () => {
    const parts = await new Response(streamSafetensors(weights)).arrayBuffer()
    expect(new Uint8Array(parts)).toEqual(writeSafetensors(weights))
  })

  test('are read from a file on the disk, tensor by tensor', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'wgrad-io-'))
    try {
      await writeFile(join(folder, 'w.safetensors'), writeSafetensors(weights))
      const opened = await openSafetensors(await openAsBlob(join(folder, 'w.safetensors')))
      expect((await opened.read('fc.weight')).data).toEqual(weights['fc.weight'].data)
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  test('read no more of a source than was asked for', async () => {
    const bytes = writeSafetensors({ big: { shape: [10_000], data: new Float32Array(10_000) }, mask: weights.mask })
    let total = 0
    const source = {
      size: bytes.length,
      read: async (from: number, to: number) => {
        total += to - from
        return bytes.slice(from, to)
      },
    }
    const opened = await openSafetensors(source)
    expect((await opened.read('mask')).data).toEqual(weights.mask.data)
    expect(total).toBeLessThan(400)
  })

  test('are fetched once, with progress', async () => {
    const bytes = writeSafetensors(weights)
    const server = createServer((_, response) => response.end(bytes))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const folder = await mkdtemp(join(tmpdir(), 'wgrad-io-'))
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/w.safetensors`
      const sha256 = createHash('sha256').update(bytes).digest('hex')
      let received = 0
      const remote = {
        url,
        sha256,
        bytes: bytes.length,
        cache: openCache({ folder }),
        onProgress: (n: number): void => {
          received = n
        },
      }
      expect((await readSafetensors(remote))['fc.weight']?.data).toEqual(weights['fc.weight'].data)
      expect(received).toBe(bytes.length)
    } finally {
      server.close()
      await rm(folder, { recursive: true })
    }
  })

  test.each([
    ['F64', [0, 0, 0, 0, 0, 0, 0xf8, 0x3f], Float32Array.of(1.5)],
    ['F32', [0, 0, 0xc0, 0x3f], Float32Array.of(1.5)],
    ['F16', [0, 0x3e], Float32Array.of(1.5)],
    ['BF16', [0xc0, 0x3f], Float32Array.of(1.5)],
    ['I64', [0xfe, 255, 255, 255, 255, 255, 255, 255], Int32Array.of(-2)],
    ['I32', [0xfe, 255, 255, 255], Int32Array.of(-2)],
    ['I16', [0xfe, 255], Int32Array.of(-2)],
    ['I8', [0xfe], Int32Array.of(-2)],
    ['U64', [0xfe, 255, 255, 255, 0, 0, 0, 0], Uint32Array.of(0xfffffffe)],
    ['U32', [0xfe, 255, 255, 255], Uint32Array.of(0xfffffffe)],
    ['U16', [0xfe, 255], Uint32Array.of(0xfffe)],
    ['U8', [0xfe], Uint8Array.of(0xfe)],
    ['BOOL', [1], Uint8Array.of(1)],
  ])('read %s', async (dtype, bytes, data) => {
    expect((await readSafetensors(one(dtype, [1], bytes))).a?.data).toEqual(data)
  })

  test('write floats in half the bytes, rounded to nearest even', async () => {
    // 1 + 2^-8 lies halfway between two bfloat16 values, 1 + 3 * 2^-8 too: both go to the even one.
    const data = Float32Array.of(1 + 2 ** -8, 1 + 3 * 2 ** -8, -0, Infinity, Number.NaN, 65504)
    const read = async (floats: 'F16' | 'BF16'): Promise<ArrayLike<number> | undefined> =>
      (await readSafetensors(writeSafetensors({ a: { shape: [6], data } }, { floats }))).a?.data
    expect(await read('BF16')).toEqual(Float32Array.of(1, 1 + 2 ** -6, -0, Infinity, Number.NaN, 65536))
    expect(await read('F16')).toEqual(data)
  })

  const entry = (offsets: string, rest = '"dtype":"U8","shape":[2]'): string => `{${rest},"data_offsets":${offsets}}`

  test.each([
    ['an empty file', new Uint8Array(3), 'the file has 3 bytes; a safetensors file starts with the 8-byte length'],
    [
      'a header over the cap',
      file('{}', [], 1n << 60n),
      'the header claims 1152921504606846976 bytes; at most 100000000',
    ],
    ['a header cut short', file('{}', [], 9n), 'the header claims 9 bytes and 2 follow; the file is truncated'],
    [
      'a header that is no object',
      file('[]'),
      "starts with byte 91; it must be a JSON object that starts with '{' (123)",
    ],
    ['no header', file(''), 'the header starts with byte none'],
    ['bytes that are no UTF-8', file(Uint8Array.of(0x7b, 0xff, 0x7d)), 'the header of 3 bytes is no JSON in UTF-8 ('],
    ['text that is no JSON', file('{"a"}'), 'the header of 5 bytes is no JSON in UTF-8 ('],
    ['deep nesting', file('{"a":{"b":[['), 'it is nested deeper than 3 levels at character 11'],
    ['a name twice', file(`{"a":${entry('[0,2]')},"\\u0061":${entry('[2,4]')}}`), 'the name "a" appears twice'],
    ['half a character', file(`{"\\ud800":${entry('[0,2]')}}`, [1, 2]), 'has half a character; names must be Unicode'],
    ['metadata of numbers', file('{"__metadata__":{"a":1}}'), '__metadata__ is {"a":1}; it must map names to strings'],
    [
      'an entry that is none',
      file('{"a":3}'),
      '"a" is 3; it must have dtype, shape and data_offsets, and nothing else',
    ],
    ['a field of its own', file(`{"a":${entry('[0,2],"x":1')}}`, [1, 2]), 'data_offsets, and nothing else'],
    [
      'a strange dtype',
      file(`{"a":${entry('[0,2]', '"dtype":"F8_E5M2","shape":[2]')}}`),
      'has the dtype "F8_E5M2"; F64, F32',
    ],
    [
      'an inherited dtype',
      file(`{"a":${entry('[0,2]', '"dtype":"toString","shape":[2]')}}`),
      'has the dtype "toString"',
    ],
    [
      'a negative size',
      file(`{"a":${entry('[0,2]', '"dtype":"U8","shape":[-2]')}}`),
      'has the shape [-2]; sizes are whole',
    ],
    [
      'a fraction',
      file(`{"a":${entry('[0,1.5]')}}`),
      '"a" has data_offsets [0,1.5]; they must be [begin, end] in bytes',
    ],
    ['three offsets', file(`{"a":${entry('[0,1,2]')}}`), '"a" has data_offsets [0,1,2]; they must be'],
    [
      'offsets turned round',
      file(`{"a":${entry('[2,0]')}}`, [1, 2]),
      '"a" lies at 2 to 0 of 2 bytes; it must lie within',
    ],
    ['an end past the file', file(`{"a":${entry('[0,2]')}}`, [1]), '"a" lies at 0 to 2 of 1 bytes; it must lie within'],
    [
      'a shape that disagrees',
      file(`{"a":${entry('[0,3]')}}`, [1, 2, 3]),
      '"a" is U8 [2], which takes 2 bytes, and has 3 at 0 to 3; both must agree',
    ],
    [
      'a shape beyond all numbers',
      file(`{"a":${entry('[0,2]', '"dtype":"F64","shape":[9007199254740991,9007199254740991]')}}`, [1, 2]),
      'which takes more than the file has, and has 2 at 0 to 2',
    ],
    [
      'a gap',
      file(`{"a":${entry('[0,2]')},"b":${entry('[3,5]')}}`, [1, 2, 3, 4, 5]),
      '"b" starts at 3 and the tensors before it end at 2; 1 bytes before it belong to nothing',
    ],
    [
      'a gap at the start',
      file(`{"a":${entry('[1,3]')}}`, [1, 2, 3]),
      '"a" starts at 1 and the tensors before it end at 0',
    ],
    [
      'an overlap',
      file(`{"a":${entry('[0,2]')},"b":${entry('[1,3]')}}`, [1, 2, 3]),
      '"b" starts at 1 and the tensors before it end at 2; it overlaps the one before',
    ],
    [
      'bytes left over',
      file('{}', [1]),
      'the tensors end at 0 and 1 bytes follow the header; no byte may be left over',
    ],
    [
      'a large integer',
      one('I64', [1], [0, 0, 0, 0, 1, 0, 0, 0]),
      'element 0 of a is 4294967296 in I64, which is no i32',
    ],
    ['a truth value of 2', one('BOOL', [1], [2]), 'element 0 of a is 2 in BOOL; only 0 and 1 are truth values'],
  ])('refuse %s', async (_, bytes, message) => {
    await expect(readSafetensors(bytes)).rejects.toThrow(message)
    await expect(readSafetensors(bytes)).rejects.toThrow(/^safetensors: /)
  })

  test('refuse to write what does not fit', () => {
    const write = (data: ArrayLike<number>, dtype?: 'bool' | 'i32') => (): unknown =>
      writeSafetensors({ a: { shape: [1], data, ...(dtype && { dtype }) } })
    expect(write([1, 2])).toThrow('writeSafetensors: a has 2 elements and the shape [1]; it has room for 1')
    expect(write([1.5], 'i32')).toThrow('writeSafetensors: element 0 of a is 1.5, which is no I32')
    expect(write([2], 'bool')).toThrow('element 0 of a is 2 in BOOL')
    expect(() => writeSafetensors({ __metadata__: { shape: [], data: [1] } })).toThrow('and __metadata__ is taken')
  })

  test('say which tensors there are, and notice a source that answers short', async () => {
    const opened = await openSafetensors(writeSafetensors({ a: { shape: [], data: [1] } }))
    await expect(opened.read('b')).rejects.toThrow("safetensors: there is no tensor 'b'; the file has 1: a")
    const short = { size: 100, read: async (): Promise<Uint8Array<ArrayBuffer>> => new Uint8Array(4) }
    await expect(openSafetensors(short)).rejects.toThrow('4 bytes came back for 0 to 8 of 100; the file changed')
  })
})
