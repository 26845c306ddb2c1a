import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Interval, placeIntervals } from '../../src/graph/passes/memory.ts'
import { orderTasks } from '../../src/graph/passes/order.ts'
import { broadcastIndex, stridedIndex } from '../../src/ops/indexing.ts'
import { broadcast, contiguousStrides, gridOf, numel } from '../../src/shape.ts'
import { evaluateU32 } from './u32-expression.ts'

const runs = { numRuns: 300, seed: 11 }

/** Intervals; some take over one of the same size that ends where they begin, no two the same one. */
const intervals = fc
  .array(fc.record({ bytes: fc.integer({ min: 1, max: 5 }), from: fc.nat(12), length: fc.nat(6), takes: fc.nat(3) }), {
    maxLength: 25,
  })
  .map((list): Interval[] => {
    const made: Interval[] = []
    const taken = new Set<number>()
    for (const { bytes, from, length, takes } of [...list].sort((a, b) => a.from - b.from)) {
      const dying = made.findIndex((v, i) => v.to === from && v.from < from && v.bytes === bytes && !taken.has(i))
      const own = { bytes, from, to: from + length }
      if (dying >= 0 && takes > 0) {
        taken.add(dying)
        made.push({ ...own, takes: dying })
      } else made.push(own)
    }
    return made
  })

describe('placeIntervals', () => {
  test('gives no step of a slot to two values, except where one takes over from the other', () => {
    fc.assert(
      fc.property(intervals, (list) => {
        const { slotOf } = placeIntervals(list, true)
        list.forEach((a, i) => {
          list.forEach((b, j) => {
            if (i >= j || slotOf[i] !== slotOf[j] || a.to < b.from || b.to < a.from) return
            const handover = (b.takes === i && b.from === a.to) || (a.takes === j && a.from === b.to)
            if (!handover) throw new Error(`${i} and ${j} share slot ${slotOf[i]}`)
          })
        })
      }),
      runs,
    )
  })

  test('makes every slot as large as its largest value, and no larger', () => {
    fc.assert(
      fc.property(intervals, fc.boolean(), (list, reuse) => {
        const { slotOf, slotBytes } = placeIntervals(list, reuse)
        expect(slotOf).toHaveLength(list.length)
        slotBytes.forEach((bytes, s) => {
          expect(bytes).toBe(Math.max(...list.filter((_, i) => slotOf[i] === s).map((v) => v.bytes)))
        })
      }),
      runs,
    )
  })

  test('honours every hand-over, and shares nothing without reuse', () => {
    fc.assert(
      fc.property(intervals, (list) => {
        const { slotOf } = placeIntervals(list, true)
        list.forEach((v, i) => {
          if (v.takes !== undefined) expect(slotOf[i]).toBe(slotOf[v.takes])
        })
        expect(new Set(placeIntervals(list, false).slotOf).size).toBe(list.length)
      }),
      runs,
    )
  })

  test('needs one slot for a chain, two where reader and writer overlap', () => {
    const chain = Array.from({ length: 9 }, (_, i) => ({ bytes: 4, from: i, to: i + 1 }))
    expect(placeIntervals(chain, true).slotBytes).toEqual([4, 4])
    const inPlace = chain.map((v, i) => (i === 0 ? v : { ...v, takes: i - 1 }))
    expect(placeIntervals(inPlace, true).slotBytes).toEqual([4])
  })
})

/** For each task those before it; edges run from lower to higher numbers under a hidden renaming. */
const graphs = fc
  .record({
    edges: fc.array(fc.tuple(fc.nat(14), fc.nat(14)), { maxLength: 40 }),
    names: fc.shuffledSubarray(
      Array.from({ length: 15 }, (_, i) => i),
      { minLength: 15 },
    ),
  })
  .map(({ edges, names }) => {
    const after = names.map(() => new Set<number>())
    for (const [a, b] of edges) {
      const [early, late] = [Math.min(a, b), Math.max(a, b)]
      if (early !== late) after[names[late] as number]?.add(names[early] as number)
    }
    return after
  })

describe('orderTasks', () => {
  test('answers every task once, each after those it must follow, whatever the seed', () => {
    fc.assert(
      fc.property(graphs, fc.option(fc.nat(), { nil: undefined }), (after, seed) => {
        const { order, stuck } = orderTasks(after.length, after, seed)
        expect(stuck).toEqual([])
        expect([...order].sort((a, b) => a - b)).toEqual(after.map((_, i) => i))
        const place = new Map(order.map((task, at) => [task, at]))
        after.forEach((set, task) => {
          for (const before of set) expect(place.get(before)).toBeLessThan(place.get(task) as number)
        })
      }),
      runs,
    )
  })

  test('keeps the given order where it may, and reaches others with seeds', () => {
    const free = Array.from({ length: 6 }, () => new Set<number>())
    expect(orderTasks(6, free).order).toEqual([0, 1, 2, 3, 4, 5])
    expect(orderTasks(3, [new Set([2]), new Set(), new Set()]).order).toEqual([1, 2, 0])
    const orders = new Set(Array.from({ length: 50 }, (_, seed) => orderTasks(6, free, seed).order.join()))
    expect(orders.size).toBeGreaterThan(40)
  })

  test('answers the tasks in and behind a circle', () => {
    const after = [new Set<number>(), new Set([2]), new Set([1, 0]), new Set([2])]
    expect(orderTasks(4, after)).toEqual({ order: [0], stuck: [1, 2, 3] })
  })
})

const shapes = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 4 })

/** Coordinates of element `i`. */
function coordinates(shape: readonly number[], i: number): number[] {
  const out: number[] = []
  let rest = i
  for (const size of [...shape].reverse()) {
    out.unshift(rest % size)
    rest = Math.floor(rest / size)
  }
  return out
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, v, i) => sum + v * (b[i] as number), 0)
}

describe('shapes', () => {
  test('strides take coordinates to positions', () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        for (let i = 0; i < numel(shape); i++) expect(dot(coordinates(shape, i), contiguousStrides(shape))).toBe(i)
      }),
      runs,
    )
  })

  test("broadcast follows NumPy's rule, in any order of the operands", () => {
    fc.assert(
      fc.property(shapes, shapes, (a, b) => {
        const rank = Math.max(a.length, b.length)
        const [x, y] = [a, b].map((s) => [...new Array<number>(rank - s.length).fill(1), ...s]) as [number[], number[]]
        const fits = x.every((s, d) => s === y[d] || s === 1 || y[d] === 1)
        const want = fits ? x.map((s, d) => Math.max(s, y[d] as number)) : null
        expect(broadcast(a, b)).toEqual(want)
        expect(broadcast(b, a)).toEqual(want)
      }),
      runs,
    )
    expect(broadcast([0, 3], [1, 3])).toEqual([0, 3])
    expect(broadcast([2, 1], [1, 0])).toEqual([2, 0])
  })

  test('grids cover every workgroup within the limit of an axis', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 31 }), (total) => {
        const [gx, gy, gz] = gridOf(total)
        expect(gz).toBe(1)
        expect(gx * gy).toBeGreaterThanOrEqual(total)
        expect(gx * gy - total).toBeLessThan(gy + (total === 0 ? 1 : 0))
        expect(Math.max(gx, gy)).toBeLessThanOrEqual(65535)
      }),
      runs,
    )
  })
})

/** A writer that computes each bound name for one value of `i`. */
function evaluator(i: number, inline: boolean): { let(e: string): string; value(e: string): number } {
  const names = new Map([['i', i]])
  const value = (e: string): number => evaluateU32(e, names)
  return {
    let: (e) => {
      if (inline) return `(${e})`
      const name = `t${names.size}`
      names.set(name, value(e))
      return name
    },
    value,
  }
}

describe('index expressions', () => {
  test('strided ones equal the sum over coordinates', () => {
    const cases = shapes.chain((shape) =>
      fc.record({
        shape: fc.constant(shape),
        strides: fc.tuple(...shape.map(() => fc.integer({ min: -7, max: 12 }))),
        inline: fc.boolean(),
      }),
    )
    fc.assert(
      fc.property(cases, ({ shape, strides, inline }) => {
        // The offset keeps every position at 0 or above, as that of a backward slice does.
        const offset = -strides.reduce((sum, s, d) => sum + Math.min(0, s) * ((shape[d] as number) - 1), 0)
        for (let i = 0; i < numel(shape); i++) {
          const w = evaluator(i, inline)
          const want = offset + dot(coordinates(shape, i), strides)
          expect(w.value(stridedIndex(w, 'i', shape, strides, offset))).toBe(want)
        }
      }),
      runs,
    )
  })

  test('permutations, which join axes, too', () => {
    const cases = shapes.chain((shape) =>
      fc.record({
        shape: fc.constant(shape),
        axes: fc.shuffledSubarray(
          shape.map((_, d) => d),
          { minLength: shape.length },
        ),
      }),
    )
    fc.assert(
      fc.property(cases, ({ shape, axes }) => {
        const own = contiguousStrides(shape)
        const output = axes.map((a) => shape[a] as number)
        const strides = axes.map((a) => own[a] as number)
        for (let i = 0; i < numel(shape); i++) {
          const w = evaluator(i, false)
          expect(w.value(stridedIndex(w, 'i', output, strides))).toBe(dot(coordinates(output, i), strides))
        }
      }),
      runs,
    )
  })

  test('broadcast ones find the element of the smaller operand', () => {
    const cases = shapes.chain((output) =>
      fc.record({
        output: fc.constant(output),
        kept: fc.tuple(...output.map(() => fc.boolean())),
        lead: fc.nat(output.length),
      }),
    )
    fc.assert(
      fc.property(cases, ({ output, kept, lead }) => {
        const shape = output.map((s, d) => (kept[d] ? s : 1)).slice(lead)
        for (let i = 0; i < numel(output); i++) {
          const at = coordinates(output, i).slice(lead)
          const want = dot(
            at.map((c, d) => (shape[d] === 1 ? 0 : c)),
            contiguousStrides(shape),
          )
          const w = evaluator(i, false)
          expect(w.value(broadcastIndex(w, 'i', output, shape))).toBe(want)
        }
      }),
      runs,
    )
  })
})
