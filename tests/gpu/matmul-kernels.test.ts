import { describe, expect, test } from 'vitest'
import type { DeviceTraits } from '../../src/graph/op.ts'
import { type MatmulShape, type MatmulTile, matmulCall, tileName } from '../../src/ops/matmul-kernels.ts'
import { matmulTiles } from '../../src/ops/matmul-variants.ts'
import { expectClose, noise, runShader, traitsFor } from './shader-run.ts'

function reference(shape: MatmulShape, a: Float32Array, b: Float32Array): Float64Array {
  const { batches, m, n, k, transA, transB } = shape
  const isShared = (offset: string): boolean => offset === '0u'
  const y = new Float64Array(batches * m * n)
  for (let batch = 0; batch < batches; batch++) {
    const aBase = isShared(shape.aOffset) ? 0 : batch * m * k
    const bBase = isShared(shape.bOffset) ? 0 : batch * k * n
    for (let row = 0; row < m; row++) {
      for (let column = 0; column < n; column++) {
        let sum = 0
        for (let i = 0; i < k; i++) {
          const left = a[aBase + (transA ? i * m + row : row * k + i)] ?? Number.NaN
          const right = b[bBase + (transB ? column * k + i : i * n + column)] ?? Number.NaN
          sum += left * right
        }
        y[(batch * m + row) * n + column] = sum
      }
    }
  }
  return y
}

function shapeOf(m: number, n: number, k: number, mode: string, batches = 1, isBroadcast = false): MatmulShape {
  return {
    ...{ batches, m, n, k, transA: mode[0] === 'T', transB: mode[1] === 'T' },
    aOffset: `batch * ${m * k}u`,
    bOffset: isBroadcast ? '0u' : `batch * ${k * n}u`,
    bSize: (isBroadcast ? 1 : batches) * k * n,
  }
}

async function check(shape: MatmulShape, tile: MatmulTile): Promise<void> {
  const { batches, m, n, k } = shape
  const { splits = 1 } = tile
  const a = noise(batches * m * k, 1)
  const b = noise(batches * k * n, 2)
  const count = batches * m * n
  const { values } = await runShader(matmulCall(shape, tile), [a, b], count * splits)
  const sums = Float32Array.from({ length: count }, (_, i) => {
    let sum = 0
    for (let part = 0; part < splits; part++) sum += values[part * count + i] as number
    return sum
  })
  expectClose(sums, reference(shape, a, b))
}

const modes = ['NN', 'NT', 'TN', 'TT']
const sizes: readonly [m: number, n: number, k: number][] = [
  [1, 1, 1],
  [1, 10, 7],
  [13, 1, 4],
  [31, 33, 17],
  [32, 32, 32],
  [36, 68, 20],
  [7, 11, 3],
  [8, 64, 5],
  [1, 40, 130],
  [42, 3, 67],
  [65, 67, 9],
  [18, 21, 1],
]
const isPlain = ({ bk, wk, quads }: MatmulTile): boolean => bk === undefined && wk === undefined && !quads

/** The tiles that a device may take; of either kind of device for one size, which has edges all around. */
function declared(shape: MatmulShape): MatmulTile[] {
  const kinds = shape.m === 36 ? [true, false] : [true]
  const all = kinds.flatMap((software) => matmulTiles(shape, traitsFor(software)))
  // Large tiles in registers compile slowly on software; the largest shared one needs a size of its own.
  return [...new Map(all.map((tile) => [tileName(tile), tile])).values()].filter((tile) =>
    shape.m === 65 ? tile.tm === 8 && !isPlain(tile) : !isPlain(tile) || tile.tm * tile.tn <= 16,
  )
}

describe.each(modes)('%s products', (mode) => {
  test.each(sizes)('[%i, %i] over %i match f64 with every tile declared', async (m, n, k) => {
    const shape = shapeOf(m, n, k, mode)
    const tiles = declared(shape)
    expect(tiles.length).toBeGreaterThan(m * n === 1 || m === 65 ? 0 : 1)
    for (const tile of tiles) await check(shape, tile)
  })
})

const small: MatmulTile = { tm: 4, tn: 4, wx: 4, wy: 2 }
const shared: MatmulTile = { tm: 4, tn: 4, wx: 8, wy: 8, bk: 16 }
const quads: MatmulTile = { tm: 8, tn: 2, wx: 4, wy: 1, quads: true }

test('batches, and a matrix shared by all of them', async () => {
  for (const tile of [small, shared, quads]) {
    await check(shapeOf(9, 12, 8, 'NN', 3), tile)
    await check(shapeOf(9, 12, 8, 'NT', 3, true), tile)
  }
})

test('an infinite element stays in its row', async () => {
  for (const mode of modes) {
    for (const tile of [small, shared, quads]) {
      const shape = shapeOf(31, 33, 17, mode)
      const a = noise(31 * 17, 1)
      const b = noise(17 * 33, 2)
      const expected = reference(shape, a, b).subarray(33)
      a[0] = Number.POSITIVE_INFINITY
      const { values } = await runShader(matmulCall(shape, tile), [a, b], 31 * 33)
      expectClose(values.subarray(33), expected)
    }
  }
})

test.each([
  [{ ...shared, splits: 3 }, 32, 64, 60],
  [{ tm: 4, tn: 4, wx: 8, wy: 8, bk: 16, splits: 2 }, 32, 64, 64],
  [{ ...small, splits: 3 }, 9, 13, 30],
  [{ tm: 2, tn: 4, wx: 2, wy: 1, wk: 8, splits: 2 }, 5, 9, 101],
] as const)('parts of k add up to the product: %o', async (tile, m, n, k) => {
  for (const mode of modes) await check(shapeOf(m, n, k, mode, 2), tile)
})

const first = (shape: MatmulShape, device: DeviceTraits): string =>
  tileName(matmulTiles(shape, device)[0] as MatmulTile)

test.each([
  [512, 512, 512, 'tile-8x8-4x4', 'quads-16x8-16', 'shared-64x64x16-4x4'],
  [64, 10, 512, 'tile-4x3-4x4', 'quads-16x2-8', 'shared-32x32x16-4x4-split4'],
  [2048, 2048, 2048, 'tile-8x8-4x4', 'quads-16x8-16', 'shared-128x128x16-8x8'],
  [256, 256, 8192, 'tile-8x8-4x4', 'quads-16x8-16', 'shared-64x64x16-4x4-split8'],
  [256, 784, 64, 'tile-8x4-4x4', 'quads-16x4-4', 'shared-32x32x16-4x4'],
  [1, 1024, 1024, 'tile-1x8-4x1', 'tile-1x8-4x1', 'tile-1x4-2x1-k64'],
  [4096, 2, 512, 'tile-8x2-1x16', 'tile-8x2-1x16', 'tile-4x2-1x4-k64'],
  [8, 8, 4, 'tile-4x2-4x2', 'quads-8x1-8', 'tile-1x1-8x8'],
])(
  '[%i, %i] over %i takes %s on software, %s where it has subgroups, and %s on a GPU',
  (m, n, k, plain, quads, gpu) => {
    const shape = shapeOf(m, n, k, 'NN')
    expect(first(shape, { ...traitsFor(true), quads: false })).toBe(plain)
    expect(first(shape, traitsFor(true))).toBe(quads)
    expect(first(shape, traitsFor(false))).toBe(gpu)
  },
)

test.each([
  [0, 5, 3],
  [5, 0, 3],
  [5, 3, 0],
])('[%i, %i] over %i has tiles of at least one thread', (m, n, k) => {
  for (const software of [true, false]) {
    for (const tile of matmulTiles(shapeOf(m, n, k, 'NN'), traitsFor(software)))
      expect(Math.min(tile.wx, tile.wy), tileName(tile)).toBeGreaterThan(0)
  }
})

test('threads swap only where the device has subgroups', () => {
  const shape = shapeOf(64, 64, 64, 'NN')
  for (const software of [true, false]) {
    const swapping = (quads: boolean): MatmulTile[] =>
      matmulTiles(shape, { ...traitsFor(software), quads }).filter((tile) => tile.quads)
    expect(swapping(true).length).toBeGreaterThan(0)
    expect(swapping(false)).toEqual([])
  }
})

test('a tile that passes a limit of the device is not declared', () => {
  const shape = shapeOf(512, 512, 512, 'NN')
  const names = (more: Partial<DeviceTraits>): string[] =>
    matmulTiles(shape, { ...traitsFor(false), ...more }).map(tileName)
  const all = names({})
  expect(all).toEqual([...new Set(all)])
  expect(all).toContain('shared-128x128x16-8x8')
  const of256 = /^shared-(128|64)x/
  expect(names({ maxInvocations: 128 })).toEqual(all.filter((name) => !of256.test(name)))
  expect(names({ maxWorkgroupBytes: 16383 })).toEqual(all.filter((name) => name !== 'shared-128x128x16-8x8'))
  expect(names({ maxWorkgroupBytes: 1024 })).toEqual(all.filter((name) => !name.startsWith('shared')))
})
