import { conv1d, convTranspose1d, convTranspose2d, type Tensor } from '../../src/index.ts'
import { defineCheck, type OpCheck, type Ref } from './check.ts'
import { zeros } from './reference.ts'

interface Lines {
  readonly stride?: number
  readonly padding?: number | 'same'
  readonly dilation?: number
  readonly groups?: number
}
interface Windows {
  readonly stride?: number | readonly [number, number]
  readonly padding?: number | readonly [number, number]
  readonly outputPadding?: number | readonly [number, number]
  readonly dilation?: number | readonly [number, number]
  readonly groups?: number
}
type Pair = readonly [number, number]

function pair(value: number | Pair | undefined, otherwise: number): Pair {
  return typeof value === 'object' ? value : [value ?? otherwise, value ?? otherwise]
}

function addTo(y: Ref, i: number, value: number): void {
  y.data[i] = (y.data[i] as number) + value
}

function withBias(y: Ref, bias: Ref | undefined): Ref {
  if (!bias) return y
  return { shape: y.shape, data: y.data.map((v, i) => v + (bias.data[i % bias.data.length] as number)) }
}

function convolve(x: Ref, w: Ref, { stride = 1, padding = 0, dilation = 1, groups = 1 }: Lines): Ref {
  const [n = 0, length = 0, channels = 0] = x.shape
  const [outputs = 0, taps = 0, depth = 0] = w.shape
  const reach = dilation * (taps - 1)
  const [before, both] = padding === 'same' ? [Math.floor(reach / 2), reach] : [padding, 2 * padding]
  const size = Math.floor((length + both - reach - 1) / stride) + 1
  const y = zeros([n, size, outputs])
  for (let i = 0; i < n * size * outputs * taps * depth; i++) {
    const c = i % depth
    const tap = Math.floor(i / depth) % taps
    const o = Math.floor(i / (depth * taps)) % outputs
    const p = Math.floor(i / (depth * taps * outputs)) % size
    const image = Math.floor(i / (depth * taps * outputs * size))
    const at = p * stride + tap * dilation - before
    if (at < 0 || at >= length) continue
    const channel = Math.floor(o / (outputs / groups)) * depth + c
    const product =
      (x.data[(image * length + at) * channels + channel] as number) * (w.data[(o * taps + tap) * depth + c] as number)
    addTo(y, (image * size + p) * outputs + o, product)
  }
  return y
}

/** Every pixel adds its window of weights to the output. */
function scatter(x: Ref, w: Ref, { groups = 1, ...windows }: Windows): Ref {
  const [stride, dilation] = [pair(windows.stride, 1), pair(windows.dilation, 1)]
  const [padding, extra] = [pair(windows.padding, 0), pair(windows.outputPadding, 0)]
  const [n = 0, height = 0, width = 0, channels = 0] = x.shape
  const [, kh = 0, kw = 0, depth = 0] = w.shape
  const along = (d: 0 | 1, from: number, taps: number): number =>
    (from - 1) * stride[d] - 2 * padding[d] + dilation[d] * (taps - 1) + extra[d] + 1
  const [p, q] = [along(0, height, kh), along(1, width, kw)]
  const outputs = depth * groups
  const y = zeros([n, p, q, outputs])
  x.data.forEach((value, i) => {
    const c = i % channels
    const v = Math.floor(i / channels) % width
    const h = Math.floor(i / (channels * width)) % height
    const image = Math.floor(i / (channels * width * height))
    const first = Math.floor(c / (channels / groups)) * depth
    for (let tap = 0; tap < kh * kw; tap++) {
      const row = h * stride[0] - padding[0] + Math.floor(tap / kw) * dilation[0]
      const column = v * stride[1] - padding[1] + (tap % kw) * dilation[1]
      if (row < 0 || column < 0 || row >= p || column >= q) continue
      for (let o = 0; o < depth; o++) {
        const weight = w.data[(c * kh * kw + tap) * depth + o] as number
        addTo(y, ((image * p + row) * q + column) * outputs + first + o, value * weight)
      }
    }
  })
  return y
}

/** Sequences as images of one row. */
function asImages({ shape, data }: Ref): Ref {
  return { shape: [shape[0] ?? 0, 1, ...shape.slice(1)], data }
}

export const convTransposeChecks: readonly OpCheck[] = [
  defineCheck<Lines>({
    op: 'conv1d',
    call: ([x, w, bias = null], options) => conv1d(x as Tensor, w as Tensor, { bias, ...options }),
    reference: ([x, w, bias], options) => withBias(convolve(x as Ref, w as Ref, options), bias),
    samples: [
      { inputs: [[1, 1, 1], [1, 1, 1], [1]], attrs: {} },
      { inputs: [[2, 7, 3], [5, 3, 3], [5]], attrs: { padding: 1 } },
      {
        inputs: [
          [1, 11, 4],
          [4, 3, 2],
        ],
        attrs: { stride: 2, padding: 2, dilation: 2, groups: 2 },
      },
      {
        inputs: [
          [1, 6, 3],
          [3, 4, 1],
        ],
        attrs: { padding: 'same', groups: 3 },
        why: 'each channel by itself; an even kernel',
      },
    ],
    fails: [
      {
        inputs: [
          [2, 7, 3],
          [5, 3, 2],
        ],
        attrs: {},
        message: "conv1d: x is [2, 7, 3] and w is [5, 3, 2]; x's last axis (3) must equal w's (2) times groups (1)",
      },
      {
        inputs: [
          [2, 7],
          [5, 3, 2],
        ],
        attrs: {},
        message:
          'conv1d: x is [2, 7] and w is [5, 3, 2]; x must be [sequences, length, channels] and w [outputs, length, channels / groups]',
      },
    ],
    differentiable: true,
  }),
  defineCheck<Windows>({
    op: 'convTranspose2d',
    call: ([x, w, bias = null], options) => convTranspose2d(x as Tensor, w as Tensor, { bias, ...options }),
    reference: ([x, w, bias], options) => withBias(scatter(x as Ref, w as Ref, options), bias),
    samples: [
      { inputs: [[1, 1, 1, 1], [1, 1, 1, 1], [1]], attrs: {} },
      { inputs: [[2, 3, 4, 3], [3, 3, 3, 5], [5]], attrs: { stride: 2, padding: 1, outputPadding: 1 } },
      {
        inputs: [
          [1, 4, 3, 4],
          [4, 2, 2, 8],
        ],
        attrs: { stride: 2 },
        why: 'windows side by side',
      },
      {
        inputs: [
          [1, 3, 4, 4],
          [4, 3, 2, 3],
        ],
        attrs: { stride: [1, 3], padding: [1, 0], outputPadding: [0, 2], dilation: [2, 1], groups: 2 },
      },
      {
        inputs: [
          [2, 5, 5, 4],
          [4, 3, 3, 4],
        ],
        attrs: { padding: 1 },
        why: 'channels by fours',
      },
      {
        inputs: [
          [0, 3, 3, 2],
          [2, 2, 2, 3],
        ],
        attrs: { stride: 2 },
        why: 'no images',
      },
    ],
    fails: [
      {
        inputs: [
          [1, 2, 2, 3],
          [2, 3, 3, 4],
        ],
        attrs: {},
        message: "convTranspose2d: x is [1, 2, 2, 3] and w is [2, 3, 3, 4]; x's last axis (3) must equal w's first (2)",
      },
      {
        inputs: [
          [1, 2, 2, 2],
          [2, 3, 3, 4],
        ],
        attrs: { outputPadding: 1 },
        message: 'convTranspose2d: outputPadding is [1, 1]; it must be less than the stride, [1, 1]',
      },
      {
        inputs: [
          [1, 1, 1, 2],
          [2, 1, 1, 4],
        ],
        attrs: { padding: 1 },
        message:
          'convTranspose2d: x is [1, 1, 1, 2] and w is [2, 1, 1, 4] with padding [1, 1]; at least one pixel must be left',
      },
      {
        inputs: [[1, 2, 2, 2], [2, 3, 3, 4], [2]],
        attrs: {},
        message: 'convTranspose2d: bias is [2] and x is [1, 2, 2, 2] and w is [2, 3, 3, 4]; bias must be [4]',
      },
    ],
    differentiable: true,
    kernels: ['gpu', 'software'],
  }),
  defineCheck<{ readonly stride?: number; readonly padding?: number; readonly outputPadding?: number }>({
    op: 'convTranspose1d',
    call: ([x, w, bias = null], options) => convTranspose1d(x as Tensor, w as Tensor, { bias, ...options }),
    reference: ([x, w, bias], { stride = 1, padding = 0, outputPadding = 0 }) => {
      const { shape, data } = withBias(
        scatter(asImages(x as Ref), asImages(w as Ref), {
          stride: [1, stride],
          padding: [0, padding],
          outputPadding: [0, outputPadding],
        }),
        bias,
      )
      return { shape: [shape[0] ?? 0, ...shape.slice(2)], data }
    },
    samples: [
      { inputs: [[2, 5, 3], [3, 4, 2], [2]], attrs: { stride: 2, padding: 1 } },
      {
        inputs: [
          [1, 4, 2],
          [2, 3, 5],
        ],
        attrs: { stride: 3, outputPadding: 2 },
      },
    ],
    fails: [
      {
        inputs: [
          [2, 7],
          [5, 3, 2],
        ],
        attrs: {},
        message:
          'convTranspose1d: x is [2, 7] and w is [5, 3, 2]; x must be [sequences, length, channels] and w [channels, length, outputs / groups]',
      },
    ],
    differentiable: true,
  }),
]
