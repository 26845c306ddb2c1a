import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { readIdx } from '../../src/data/idx.ts'

function idx(magic: number, shape: number[], body: number[] | Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4 + 4 * shape.length + body.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, magic)
  shape.forEach((n, axis) => {
    view.setUint32(4 + 4 * axis, n)
  })
  bytes.set(body, 4 + 4 * shape.length)
  return bytes
}

const gzip = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(gzipSync(bytes))

describe('readIdx', () => {
  test('reads bytes, plain and gzipped', async () => {
    const file = idx(0x0803, [2, 1, 3], [1, 2, 3, 4, 5, 255])
    const expected = { dtype: 'u8', shape: [2, 1, 3], data: Uint8Array.of(1, 2, 3, 4, 5, 255) }
    expect(await readIdx(file)).toEqual(expected)
    expect(await readIdx(gzip(file))).toEqual(expected)
    expect(await readIdx(file.buffer)).toEqual(expected)
  })

  test('reads from the middle of a larger buffer', async () => {
    const file = idx(0x0c01, [1], [0, 0, 1, 2])
    const around = new Uint8Array(file.length + 7)
    around.set(file, 3)
    expect((await readIdx(around.subarray(3, 3 + file.length))).data).toEqual(Int32Array.of(258))
  })

  test.each([
    ['i8', 0x0901, [0xff], Int8Array.of(-1)],
    ['i16', 0x0b01, [0xff, 0xfe], Int16Array.of(-2)],
    ['i32', 0x0c01, [0, 1, 0, 0], Int32Array.of(65536)],
    ['f32', 0x0d01, [0x3f, 0x80, 0, 0], Float32Array.of(1)],
    ['f64', 0x0e01, [0x3f, 0xf0, 0, 0, 0, 0, 0, 0], Float64Array.of(1)],
  ])('reads %s in big-endian order', async (dtype, magic, body, data) => {
    expect(await readIdx(idx(magic, [1], body))).toEqual({ dtype, shape: [1], data })
  })

  test('a file without axes holds one element, and a zero-length axis none', async () => {
    expect(await readIdx(idx(0x0800, [], [7]))).toEqual({ dtype: 'u8', shape: [], data: Uint8Array.of(7) })
    expect((await readIdx(idx(0x0802, [0, 28], []))).data).toHaveLength(0)
    expect((await readIdx(idx(0x0802, [0xffffffff, 0], []))).data).toHaveLength(0)
  })

  test.each([
    ['an empty file', [], 'readIdx: the file has 0 bytes; an IDX file starts with a 4-byte magic number'],
    [
      'another format',
      [0x89, 0x50, 0x4e, 0x47],
      'readIdx: the magic number is 0x89504e47; an IDX file starts 0x0000TTNN with type TT 08, 09, 0b, 0c, 0d or 0e',
    ],
    [
      'an unknown element type',
      [0, 0, 0x0a, 1, 0, 0, 0, 0],
      'readIdx: the magic number is 0x00000a01; an IDX file starts 0x0000TTNN with type TT 08, 09, 0b, 0c, 0d or 0e',
    ],
    [
      'a header cut short',
      [0, 0, 8, 3, 0, 0, 0, 1, 0],
      'readIdx: the header of 3 axes needs 16 bytes and the file has 9; it is truncated',
    ],
  ])('refuses %s', async (_, bytes, message) => {
    await expect(readIdx(Uint8Array.from(bytes))).rejects.toThrow(message)
  })

  test('refuses a truncated body, and bytes left over', async () => {
    await expect(readIdx(idx(0x0802, [2, 3], [1, 2, 3, 4, 5]))).rejects.toThrow(
      'readIdx: shape [2, 3] of u8 needs 6 bytes and 5 follow the header; the file is truncated or its header is wrong',
    )
    await expect(readIdx(idx(0x0c01, [1], [1, 2, 3, 4, 5]))).rejects.toThrow(
      'readIdx: shape [1] of i32 needs 4 bytes and 5 follow the header; bytes are left over',
    )
  })

  test('a header that asks for more than any memory is refused before anything is allocated', async () => {
    const huge = Array.from({ length: 255 }, () => 0xffffffff)
    await expect(readIdx(idx(0x0eff, huge, [1]))).rejects.toThrow('and 1 follow the header; the file is truncated')
    await expect(readIdx(idx(0x0803, [0xffffffff, 28, 28], []))).rejects.toThrow(
      'readIdx: shape [4294967295, 28, 28] of u8 needs 3367254359280 bytes and 0 follow the header',
    )
  })

  test('refuses gzip that is cut off, damaged, or followed by something else', async () => {
    const whole = gzip(
      idx(
        0x0801,
        [4000],
        Uint8Array.from({ length: 4000 }, (_, i) => (i * i) >> 3),
      ),
    )
    const damaged = whole.slice()
    damaged.set([(whole.at(-6) ?? 0) ^ 0xff], whole.length - 6)
    const longer = Uint8Array.from([...whole, 1, 2, 3])
    for (const bytes of [whole.slice(0, whole.length - 9), damaged, longer, whole.slice(0, 5)]) {
      await expect(readIdx(bytes)).rejects.toThrow(
        `readIdx: the gzip stream of ${bytes.length} bytes is damaged or cut off (`,
      )
    }
  })

  test('stops inflating at the limit', async () => {
    const bomb = gzip(new Uint8Array(4_000_000))
    await expect(readIdx(bomb, { maxBytes: 1_000_000 })).rejects.toThrow(
      `readIdx: ${bomb.length} gzipped bytes inflate to more than 1000000; raise maxBytes if that is meant`,
    )
  })
})
