import { describe, expect, test } from 'vitest'
import { type MatmulShape, type MatmulTile, matmulCall, matmulTileFor } from '../../src/ops/matmul-kernels.ts'
import { expectClose, noise, runShader } from './shader-run.ts'

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
const tiles: readonly MatmulTile[] = [
  { tm: 8, tn: 8, wx: 2, wy: 2 },
  { tm: 4, tn: 4, wx: 4, wy: 2 },
  { tm: 1, tn: 2, wx: 4, wy: 4 },
  { tm: 2, tn: 1, wx: 8, wy: 1 },
  { tm: 4, tn: 4, wx: 8, wy: 8, bk: 16 },
  { tm: 4, tn: 4, wx: 16, wy: 16, bk: 16 },
]

describe.each(tiles)('tile $tm x $tn of $wx x $wy threads, shared depth $bk', (tile) => {
  test.each(modes)('%s products match f64', async (mode) => {
    // Large tiles compile slowly on software, so each is given one size with edges all around.
    const area = tile.tm * tile.tn * tile.wx * tile.wy
    const chosen = tile.bk === undefined && tile.tm < 8 ? sizes : area < 4096 ? sizes.slice(3, 4) : sizes.slice(5, 6)
    for (const [m, n, k] of chosen) await check(shapeOf(m, n, k, mode), tile)
  })
})

test('batches, and a matrix shared by all of them', async () => {
  for (const tile of [tiles[1], tiles[4]]) {
    if (tile === undefined) continue
    await check(shapeOf(9, 12, 8, 'NN', 3), tile)
    await check(shapeOf(9, 12, 8, 'NT', 3, true), tile)
  }
})

test('an infinite element stays in its row', async () => {
  for (const mode of modes) {
    for (const tile of [tiles[1], tiles[4]]) {
      if (tile === undefined) continue
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

test('the tiles chosen for software match f64', async () => {
  for (const mode of modes) {
    for (const [m, n, k] of [...sizes, [64, 10, 129] as const]) {
      const shape = shapeOf(m, n, k, mode)
      await check(shape, matmulTileFor(shape, true))
    }
  }
})

test('large outputs take large register tiles on software and shared tiles on a GPU', () => {
  expect(matmulTileFor(shapeOf(512, 512, 512, 'NN'), true)).toEqual({ tm: 8, tn: 8, wx: 4, wy: 4 })
  expect(matmulTileFor(shapeOf(512, 512, 512, 'NN'), false)).toEqual({ tm: 4, tn: 4, wx: 16, wy: 16, bk: 16 })
  expect(matmulTileFor(shapeOf(64, 10, 512, 'NN'), false).bk).toBe(16)
})
