import { describe, expect, test } from 'vitest'
import type { DeviceTraits } from '../../src/graph/op.ts'
import { type MatmulShape, type MatmulTile, matmulCall, matmulTiles, tileName } from '../../src/ops/matmul-kernels.ts'
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
  }
}

async function check(shape: MatmulShape, tile: MatmulTile): Promise<void> {
  const { batches, m, n, k } = shape
  const a = noise(batches * m * k, 1)
  const b = noise(batches * k * n, 2)
  const { values } = await runShader(matmulCall(shape, tile), [a, b], batches * m * n)
  expectClose(values, reference(shape, a, b))
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
]
/** Every tile that a device may take: of either kind for one size, which has edges all around. */
function declared(shape: MatmulShape): MatmulTile[] {
  const kinds = shape.m === 36 ? [true, false] : [true]
  const all = kinds.flatMap((software) => matmulTiles(shape, traitsFor(software)))
  // Large tiles compile slowly on software.
  return [...new Map(all.map((tile) => [tileName(tile), tile])).values()].filter(
    ({ tm, tn }) => tm * tn <= 16 || shape.m === 36,
  )
}

describe.each(modes)('%s products', (mode) => {
  test.each(sizes)('[%i, %i] over %i match f64 with every tile declared', async (m, n, k) => {
    const shape = shapeOf(m, n, k, mode)
    const tiles = declared(shape)
    expect(tiles.length).toBeGreaterThan(m * n === 1 ? 0 : 1)
    for (const tile of tiles) await check(shape, tile)
  })
})

const small: MatmulTile = { tm: 4, tn: 4, wx: 4, wy: 2 }
const shared: MatmulTile = { tm: 4, tn: 4, wx: 8, wy: 8, bk: 16 }

test('batches, and a matrix shared by all of them', async () => {
  for (const tile of [small, shared]) {
    await check(shapeOf(9, 12, 8, 'NN', 3), tile)
    await check(shapeOf(9, 12, 8, 'NT', 3, true), tile)
  }
})

test('an infinite element stays in its row', async () => {
  for (const mode of modes) {
    for (const tile of [small, shared]) {
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

test('large outputs take large register tiles on software and shared tiles on a GPU', () => {
  const first = (shape: MatmulShape, software: boolean): string =>
    tileName(matmulTiles(shape, traitsFor(software))[0] as MatmulTile)
  expect(first(shapeOf(512, 512, 512, 'NN'), true)).toBe('tile-8x8-4x4')
  expect(first(shapeOf(512, 512, 512, 'NN'), false)).toBe('shared-64x64x16-4x4')
  expect(first(shapeOf(64, 10, 512, 'NN'), false)).toBe('shared-32x32x16-4x4')
})

test('a tile that passes a limit of the device is not declared', () => {
  const shape = shapeOf(512, 512, 512, 'NN')
  const names = (more: Partial<DeviceTraits>): string[] =>
    matmulTiles(shape, { ...traitsFor(false), ...more }).map(tileName)
  expect(names({})).toEqual([...new Set(names({}))])
  expect(names({ maxInvocations: 128 })).toEqual(names({}).filter((name) => name !== 'shared-64x64x16-4x4'))
  expect(names({ maxWorkgroupBytes: 1024 })).toEqual(names({}).filter((name) => !name.startsWith('shared')))
})
