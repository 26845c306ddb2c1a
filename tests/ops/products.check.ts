import {
  bincount,
  cdist,
  diagonal,
  dot,
  median,
  meshgrid,
  normalize,
  outer,
  pixelShuffle,
  pixelUnshuffle,
  quantile,
  reflectionPad,
  replicationPad,
  squaredDistances,
  trace,
} from '../../src/index.ts'
import { defineCheck, type OpCheck, type Ref } from './check.ts'
import { build, position, reduce } from './reference.ts'

const at = ({ shape, data }: Ref, ...place: number[]): number => data[position(shape, place)] as number

const squared = (a: Ref, b: Ref): Ref => {
  const [n = 0, d = 0] = a.shape
  return build([n, b.shape[0] as number], ([i = 0, j = 0]) => {
    let total = 0
    for (let k = 0; k < d; k++) total += (at(a, i, k) - at(b, j, k)) ** 2
    return total
  })
}

type Pads = readonly (readonly [number, number])[]

const padded = (x: Ref, pads: Pads, from: (i: number, size: number) => number): Ref =>
  build(
    x.shape.map((size, d) => size + pads[d]![0] + pads[d]![1]),
    (place) => at(x, ...place.map((i, d) => from(i - pads[d]![0], x.shape[d] as number))),
  )

export const productsChecks: readonly OpCheck[] = [
  defineCheck({
    op: 'dot',
    call: ([a, b]) => dot(a!, b!),
    reference: ([a, b]) => ({ shape: [], data: Float64Array.of(a!.data.reduce((s, v, i) => s + v * b!.data[i]!, 0)) }),
    samples: [{ inputs: [[7], [7]] }],
    differentiable: true,
    fails: [
      { inputs: [[3], [4]], message: 'dot: a is [3] and b is [4]; both must be equally long' },
      { inputs: [[3, 1], [3]], message: 'dot: a is [3, 1] and b is [3]; both must have one axis' },
    ],
  }),
  defineCheck({
    op: 'outer',
    call: ([a, b]) => outer(a!, b!),
    reference: ([a, b]) => build([a!.data.length, b!.data.length], ([i = 0, j = 0]) => a!.data[i]! * b!.data[j]!),
    samples: [{ inputs: [[3], [5]] }],
    differentiable: true,
  }),
  defineCheck<{ offset: number }>({
    op: 'diagonal',
    call: ([x], { offset }) => diagonal(x!, offset),
    reference: ([x], { offset }) => {
      const [batch = 0, rows = 0, columns = 0] = x!.shape
      const places = Array.from({ length: rows }, (_, i) => [i, i + offset] as const).filter(
        ([, j]) => j >= 0 && j < columns,
      )
      return build([batch, places.length], ([b = 0, k = 0]) => at(x!, b, ...places[k]!))
    },
    samples: [-2, 0, 1, 3].map((offset) => ({ inputs: [[2, 3, 4]], attrs: { offset } })),
    differentiable: true,
    fails: [
      { inputs: [[3, 4]], attrs: { offset: 4 }, message: 'diagonal: offset is 4 for [3, 4]; it must be from -2 to 3' },
    ],
  }),
  defineCheck({
    op: 'trace',
    call: ([x]) => trace(x!),
    reference: ([x]) => ({ shape: [], data: Float64Array.of(at(x!, 0, 0) + at(x!, 1, 1) + at(x!, 2, 2)) }),
    samples: [{ inputs: [[3, 4]] }],
    differentiable: true,
  }),
  defineCheck({
    op: 'normalize',
    call: ([x]) => normalize(x!),
    reference: ([x]) => {
      const lengths = reduce(x!, [1], true, (values) => Math.max(1e-12, Math.hypot(...values)))
      return build(x!.shape, ([i = 0, j = 0]) => at(x!, i, j) / lengths.data[i]!)
    },
    samples: [{ inputs: [[3, 5]] }, { inputs: [{ shape: [2, 2], values: [0] }], forwardOnly: true, why: 'no length' }],
    differentiable: true,
  }),
  defineCheck({
    op: 'cdist',
    call: ([a, b]) => cdist(a!, b!),
    reference: ([a, b]) => {
      const { shape, data } = squared(a!, b!)
      return { shape, data: data.map(Math.sqrt) }
    },
    samples: [
      {
        inputs: [
          [4, 3],
          [5, 3],
        ],
      },
      {
        inputs: [
          [2, 1],
          [0, 1],
        ],
        why: 'no rows',
      },
    ],
    differentiable: true,
    fails: [
      {
        inputs: [
          [4, 3],
          [4, 2],
        ],
        message: 'cdist: a is [4, 3] and b is [4, 2]; both must have at least two axes, the last of one size',
      },
    ],
  }),
  defineCheck({
    op: 'squaredDistances',
    call: ([a, b]) => squaredDistances(a!, b!),
    reference: ([a, b]) => squared(a!, b!),
    samples: [
      {
        inputs: [
          [4, 3],
          [5, 3],
        ],
      },
    ],
    differentiable: true,
  }),
  defineCheck({
    op: 'meshgrid',
    call: ([a, b]) => meshgrid(a!, b!),
    reference: ([a, b]) =>
      [0, 1].map((k) => build([a!.data.length, b!.data.length], (place) => [a!, b!][k]!.data[place[k]!]!)),
    samples: [{ inputs: [[3], [2]] }],
    differentiable: true,
    fails: [{ inputs: [[3], [2, 1]], message: 'meshgrid: vector 1 is [2, 1]; it must have one axis' }],
  }),
  defineCheck({
    op: 'pixelShuffle',
    call: ([x]) => pixelShuffle(x!, 2),
    reference: ([x]) => {
      const [n = 0, height = 0, width = 0, channels = 0] = x!.shape
      return build([n, height * 2, width * 2, channels / 4], ([i = 0, h = 0, w = 0, c = 0]) =>
        at(x!, i, h >> 1, w >> 1, c * 4 + (h % 2) * 2 + (w % 2)),
      )
    },
    samples: [{ inputs: [[2, 2, 3, 8]] }],
    differentiable: true,
    fails: [
      { inputs: [[1, 2, 2, 6]], message: 'pixelShuffle: x is [1, 2, 2, 6]; its channels must be a multiple of 4' },
    ],
  }),
  defineCheck({
    op: 'pixelUnshuffle',
    call: ([x]) => [pixelUnshuffle(pixelShuffle(x!, 2), 2), pixelUnshuffle(x!, 2)],
    reference: ([x]) => {
      const [n = 0, height = 0, width = 0, channels = 0] = x!.shape
      const apart = build([n, height / 2, width / 2, channels * 4], ([i = 0, h = 0, w = 0, c = 0]) =>
        at(x!, i, 2 * h + ((c >> 1) % 2), 2 * w + (c % 2), c >> 2),
      )
      return [x!, apart]
    },
    samples: [{ inputs: [[1, 2, 4, 8]] }],
    differentiable: true,
    fails: [
      {
        inputs: [[1, 3, 2, 4]],
        call: ([x]) => pixelUnshuffle(x!, 2),
        message: 'pixelUnshuffle: x is [1, 3, 2, 4]; its height and width must be multiples of 2',
      },
    ],
  }),
  defineCheck<{ pads: Pads }>({
    op: 'reflectionPad',
    call: ([x], { pads }) => reflectionPad(x!, pads),
    reference: ([x], { pads }) =>
      padded(x!, pads, (i, size) => {
        const period = 2 * (size - 1) || 1
        const k = ((i % period) + period) % period
        return Math.min(k, period - k)
      }),
    samples: [
      {
        inputs: [[1, 3, 4, 2]],
        attrs: {
          pads: [
            [0, 0],
            [1, 2],
            [3, 0],
            [0, 0],
          ],
        },
      },
    ],
    differentiable: true,
    fails: [
      {
        inputs: [[3]],
        attrs: { pads: [[3, 0]] },
        message:
          'reflectionPad: widths [[3,0]] for [3]; give [before, after] of at least 0 for every axis, and no more than there are elements to take',
      },
    ],
  }),
  defineCheck<{ pads: Pads }>({
    op: 'replicationPad',
    call: ([x], { pads }) => replicationPad(x!, pads),
    reference: ([x], { pads }) => padded(x!, pads, (i, size) => Math.min(size - 1, Math.max(0, i))),
    samples: [
      {
        inputs: [[2, 3]],
        attrs: {
          pads: [
            [1, 0],
            [4, 5],
          ],
        },
      },
    ],
    differentiable: true,
  }),
  defineCheck<{ q: number; axis: number }>({
    op: 'quantile',
    call: ([x], { q, axis }) => quantile(x!, q, axis),
    reference: ([x], { q, axis }) =>
      reduce(x!, [axis], false, (values) => {
        const sorted = [...values].sort((a, b) => a - b)
        const place = q * (sorted.length - 1)
        const low = Math.floor(place)
        return sorted[low]! + (place - low) * ((sorted[low + 1] ?? sorted[low]!) - sorted[low]!)
      }),
    samples: [
      { inputs: [{ shape: [3, 7], step: 0.1 }], attrs: { q: 0.3, axis: 1 } },
      { inputs: [{ shape: [5, 2], step: 0.1 }], attrs: { q: 1, axis: 0 } },
      { inputs: [[1]], attrs: { q: 0.2, axis: 0 } },
    ],
    differentiable: true,
    fails: [{ inputs: [[3]], attrs: { q: 2, axis: 0 }, message: 'quantile: q is 2; it must be from 0 to 1' }],
  }),
  defineCheck({
    op: 'median',
    call: ([x]) => median(x!),
    reference: ([x]) =>
      reduce(x!, [1], false, (values) => {
        const sorted = [...values].sort((a, b) => a - b)
        return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2
      }),
    samples: [{ inputs: [{ shape: [2, 5], step: 0.1 }] }, { inputs: [{ shape: [2, 4], step: 0.1 }] }],
    differentiable: true,
  }),
  defineCheck({
    op: 'bincount',
    call: ([ids, weights]) => [bincount(ids!, 4), bincount(ids!, 4, weights!)],
    reference: ([ids, weights]) => {
      const sums = [new Float64Array(4), new Float64Array(4)] as const
      ids!.data.forEach((id, i) => {
        sums[0][id]!++
        sums[1][id]! += weights!.data[i]!
      })
      return sums.map((data) => ({ shape: [4], data }))
    },
    samples: [{ inputs: [{ shape: [3, 5], dtype: 'i32', range: [0, 2] }, [3, 5]] }],
    differentiable: [1],
  }),
]
