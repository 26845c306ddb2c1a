import { describe, expect, test } from 'vitest'
import type { DeviceInfo } from '../../src/gpu/adapter.ts'
import type { Choice } from '../../src/graph/choose.ts'
import { toleranceOf } from '../../src/graph/tuner-check.ts'
import { classOf, memoryKey } from '../../src/graph/tuner-key.ts'
import { race, winnerOf } from '../../src/graph/tuner-race.ts'
import { matmulOp } from '../../src/ops/matmul.ts'
import { type Plant, plantedOp } from './planted.ts'

/** A machine whose kernels take these milliseconds, whose submits cost one more, and which is held up now and then. */
function machine(ms: Readonly<Record<string, number>>, seed: number, noise = 0.05) {
  const runs: Record<string, number> = {}
  let state = seed
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
  const clock = { now: 0 }
  const time = async (name: string, count: number): Promise<number> => {
    runs[name] = (runs[name] ?? 0) + count
    const heldUp = random() < 0.05 ? 30 * random() : 0
    const took = 0.2 + count * (ms[name] as number) * (1 + noise * random()) + heldUp
    clock.now += took
    return took
  }
  return { time, runs, clock }
}

const never = { batchMs: 20, expired: () => false }

describe('a race', () => {
  test('finds a kernel within 15 % of the best, within 5 % mostly', async () => {
    const losses: number[] = []
    for (let seed = 1; seed <= 200; seed++) {
      const ms = Object.fromEntries(
        Array.from({ length: 9 }, (_, i) => [
          `k${i}`,
          (0.05 + ((seed * (i + 3) * 7919) % 1000) / 1000) * 10 ** (seed % 3),
        ]),
      )
      const { time } = machine(ms, seed)
      const times = await race(Object.keys(ms), time, never)
      const winner = winnerOf(times as Map<string, number[]>, 'k0')
      losses.push((ms[winner] as number) / Math.min(...Object.values(ms)))
    }
    losses.sort((a, b) => a - b)
    expect(losses[100]).toBeLessThan(1.05)
    expect(losses[199]).toBeLessThan(1.15)
  })

  test('spends little on those that cannot win', async () => {
    const { time, runs, clock } = machine({ fast: 0.1, near: 0.11, slow: 0.3, hopeless: 500 }, 3, 0)
    await race(['fast', 'near', 'slow', 'hopeless'], time, never)
    expect(runs.hopeless).toBe(2)
    expect(runs.slow).toBeLessThan(0.2 * (runs.fast as number))
    expect(clock.now).toBeLessThan(1700)
  })

  test('takes its time on a busy machine, and stays near the default', async () => {
    const losses: number[] = []
    for (let seed = 1; seed <= 50; seed++) {
      const ms = { usual: 1.1, best: 1, near: 1.05, slow: 2, slower: 3 }
      const { time } = machine(ms, seed, 2)
      const times = await race(Object.keys(ms), time, never)
      losses.push(ms[winnerOf(times as Map<string, number[]>, 'usual') as keyof typeof ms])
    }
    expect(Math.max(...losses)).toBeLessThan(1.15)
  })

  test('gives the default up only when it has met the best once more', async () => {
    const ms = { usual: 1, other: 1.4, third: 1.5 }
    const { time } = machine(ms, 5, 0)
    const wanted = [8, 100].map(async (held) => {
      let measured = 0
      const busy = async (name: string, count: number): Promise<number> => {
        const isHeld = name === 'usual' && measured++ < held
        return (isHeld ? 2.5 : 1) * (await time(name, count))
      }
      const times = await race(Object.keys(ms), busy, never)
      return winnerOf(times as Map<string, number[]>, 'usual')
    })
    expect(await Promise.all(wanted)).toEqual(['usual', 'other'])
  })

  test('ends without an answer when the time is up', async () => {
    const { time, clock } = machine({ a: 1, b: 2, c: 3 }, 1)
    const times = await race(['a', 'b', 'c'], time, { batchMs: 20, expired: () => clock.now > 60 })
    expect(times).toBeNull()
    expect(clock.now).toBeLessThan(200)
  })

  test('keeps the default where another is no better than the noise', () => {
    const times = (usual: number[], other: number[]) =>
      new Map([
        ['default', usual],
        ['other', other],
      ])
    expect(winnerOf(times([1.02, 1.03], [1, 1.01]), 'default')).toBe('default')
    expect(winnerOf(times([1.05, 1.06], [1, 1.01]), 'default')).toBe('other')
    expect(winnerOf(times([1.2, 1.3], [1, 1.7]), 'default')).toBe('default')
    expect(winnerOf(times([1.5, 1.6], [1, 1.7]), 'default')).toBe('other')
    expect(winnerOf(times([1.02, 1.03], [1, 1.01]), 'struck')).toBe('other')
  })
})

const info: DeviceInfo = {
  vendor: 'a',
  architecture: 'b',
  description: 'c',
  software: false,
  features: [],
  subgroupSize: null,
}

/** The key of work on `[size, 7]`. */
function keyOf(
  size: number,
  given: { plants?: Plant[]; on?: DeviceInfo; name?: string; axes?: number[] } = {},
): string {
  const { plants = ['sound', 'slow'], on = info, name = 'double', axes = [0, 1] } = given
  const op = plantedOp(name, plants)
  const x = { shape: [size, 7], dtype: 'f32' } as const
  const choice: Choice = { op: op as Choice['op'], attrs: { axes }, inputs: [x], outputs: [x], taken: 'sound' }
  const context = { inputs: [x], outputs: [x], attrs: {}, device: {} as never }
  return memoryKey(on, choice, new Map(op.variants?.(context).map((v) => [v.name, v.calls()])))
}

describe('an answer', () => {
  test('is shared by sizes of a class and by nothing else', () => {
    const key = keyOf(1000)
    expect(keyOf(1020)).toBe(key)
    const others = [
      keyOf(1001),
      keyOf(500),
      keyOf(1000, { plants: ['sound', 'slower'] }),
      keyOf(1000, { on: { ...info, architecture: 'd' } }),
      keyOf(1000, { name: 'twice' }),
      keyOf(1000, { axes: [1, 0] }),
    ]
    expect(new Set([key, ...others]).size).toBe(7)
  })

  test('is exact for small sizes and of four classes an octave above', () => {
    expect([1, 3, 15, 16, 17, 20, 24, 28, 1000, 1024, 1026, 1028].map(classOf)).toEqual([
      '1',
      '3',
      '15',
      '16',
      '20u',
      '20',
      '24',
      '28',
      '1024',
      '1024',
      '1280u',
      '1280',
    ])
  })
})

test('sums may differ by more, the more terms they have', () => {
  const product = (k: number, dtype: 'f32' | 'f16'): number => {
    const inputs = [
      { shape: [4, k], dtype },
      { shape: [k, 4], dtype },
    ]
    const attrs = { transA: false, transB: false }
    const op = matmulOp as unknown as Choice['op']
    return toleranceOf({ op, attrs, inputs, outputs: matmulOp.infer(inputs, attrs), taken: '' })
  }
  expect(product(8, 'f32')).toBeLessThan(1.1e-4)
  expect(product(2 ** 20, 'f32')).toBeGreaterThan(3e-4)
  expect(product(2 ** 20, 'f32')).toBeLessThan(1e-3)
  expect(product(8, 'f16')).toBeGreaterThan(1e-3)
})
