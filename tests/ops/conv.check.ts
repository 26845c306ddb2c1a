import { call1 } from '../../src/graph/tensor.ts'
import { type ConvOptions, conv2d, type Tensor } from '../../src/index.ts'
import { convInputGradOp, convWeightGradOp } from '../../src/ops/conv.ts'
import { defineCheck, type OpCheck, type Ref, type Sample } from './check.ts'
import { zeros } from './reference.ts'

interface Windows {
  readonly stride?: number | readonly [number, number]
  readonly padding?: number | readonly [number, number]
  readonly dilation?: number | readonly [number, number]
  readonly groups?: number
}
type Pair = readonly [number, number]

function pair(value: number | Pair | undefined, otherwise: number): Pair {
  return typeof value === 'object' ? value : [value ?? otherwise, value ?? otherwise]
}

/** Visits every product of a convolution: the positions in x, w and y. `before` is the padding above and to the left. */
function visit(
  x: readonly number[],
  w: readonly number[],
  y: readonly number[],
  { groups = 1, ...windows }: Windows,
  before: Pair,
  product: (xi: number, wi: number, yi: number) => void,
): void {
  const [stride, dilation] = [pair(windows.stride, 1), pair(windows.dilation, 1)]
  const [images = 0, height = 0, width = 0, channels = 0] = x
  const [outputs = 0, kh = 0, kw = 0, depth = 0] = w
  const [, p = 0, q = 0] = y
  for (let n = 0; n < images; n++) {
    for (let o = 0; o < outputs; o++) {
      const first = Math.floor(o / (outputs / groups)) * depth
      for (let i = 0; i < p * q; i++) {
        for (let tap = 0; tap < kh * kw; tap++) {
          const h = Math.floor(i / q) * stride[0] + Math.floor(tap / kw) * dilation[0] - before[0]
          const v = (i % q) * stride[1] + (tap % kw) * dilation[1] - before[1]
          if (h < 0 || v < 0 || h >= height || v >= width) continue
          for (let c = 0; c < depth; c++) {
            const xi = ((n * height + h) * width + v) * channels + first + c
            product(xi, (o * kh * kw + tap) * depth + c, (n * p * q + i) * outputs + o)
          }
        }
      }
    }
  }
}

function outputShape(x: readonly number[], w: readonly number[], windows: Windows): number[] {
  const [stride, dilation] = [pair(windows.stride, 1), pair(windows.dilation, 1)]
  const padding = pair(windows.padding, 0)
  const along = (d: 0 | 1): number => {
    const reach = dilation[d] * ((w[d + 1] ?? 0) - 1) + 1
    return Math.floor(((x[d + 1] ?? 0) + 2 * padding[d] - reach) / stride[d]) + 1
  }
  return [x[0] ?? 0, along(0), along(1), w[0] ?? 0]
}

function convolve(
  x: Ref,
  w: Ref,
  windows: Windows,
  shape = outputShape(x.shape, w.shape, windows),
  before?: Pair,
): Ref {
  const y = zeros(shape)
  visit(x.shape, w.shape, shape, windows, before ?? pair(windows.padding, 0), (xi, wi, yi) => {
    y.data[yi] = (y.data[yi] as number) + (x.data[xi] as number) * (w.data[wi] as number)
  })
  return y
}

function withBias(y: Ref, bias: Ref): Ref {
  return { shape: y.shape, data: y.data.map((v, i) => v + (bias.data[i % bias.data.length] as number)) }
}

const shapes: readonly Sample<Windows>[] = [
  {
    inputs: [
      [1, 1, 1, 1],
      [1, 1, 1, 1],
    ],
    why: 'one of everything',
  },
  {
    inputs: [
      [2, 7, 5, 1],
      [5, 3, 3, 1],
    ],
    attrs: {},
    why: 'one channel',
  },
  {
    inputs: [
      [1, 5, 6, 4],
      [8, 3, 3, 4],
    ],
    attrs: { padding: 1 },
    why: 'channels by fours',
  },
  {
    inputs: [
      [2, 8, 7, 3],
      [7, 3, 3, 3],
    ],
    attrs: { stride: 2, padding: 1 },
    why: 'a stride with a remainder',
  },
  {
    inputs: [
      [1, 9, 8, 5],
      [3, 2, 3, 5],
    ],
    attrs: { stride: [3, 2], padding: [1, 0] },
    why: 'unequal windows',
  },
  {
    inputs: [
      [1, 7, 9, 2],
      [4, 3, 2, 2],
    ],
    attrs: { dilation: [2, 3], padding: 2 },
    why: 'dilation',
  },
  {
    inputs: [
      [2, 4, 5, 6],
      [9, 3, 3, 2],
    ],
    attrs: { groups: 3, padding: 1 },
    why: 'groups',
  },
  {
    inputs: [
      [1, 5, 5, 5],
      [5, 3, 3, 1],
    ],
    attrs: { groups: 5, padding: 1 },
    why: 'a group per channel',
  },
  {
    inputs: [
      [1, 4, 4, 8],
      [33, 1, 1, 8],
    ],
    attrs: {},
    why: 'one pixel wide, one more output than a tile',
  },
]

const reached = 'x must be [images, height, width, channels] and w [outputs, height, width, channels / groups]'
const convolution = (inputs: Tensor[], attrs: ConvOptions | undefined): Tensor => {
  const [x, w] = inputs as [Tensor, Tensor]
  return conv2d(x, w, attrs)
}

export const convChecks: readonly OpCheck[] = [
  defineCheck<Windows>({
    op: 'conv2d',
    call: convolution,
    reference: ([x, w], attrs = {}) => convolve(x as Ref, w as Ref, attrs),
    samples: [
      ...shapes,
      {
        inputs: [
          [0, 3, 3, 4],
          [4, 3, 3, 4],
        ],
        why: 'no images',
      },
    ],
    fails: [
      {
        inputs: [
          [1, 8, 8, 3],
          [16, 3, 3, 4],
        ],
        message: "conv2d: x is [1, 8, 8, 3] and w is [16, 3, 3, 4]; x's last axis (3) must equal w's (4)",
      },
      {
        inputs: [
          [1, 8, 8, 6],
          [4, 3, 3, 2],
        ],
        attrs: { groups: 2 },
        message:
          "conv2d: x is [1, 8, 8, 6] and w is [4, 3, 3, 2]; x's last axis (6) must equal w's (2) times groups (2)",
      },
      {
        inputs: [
          [1, 8, 8, 4],
          [3, 3, 3, 2],
        ],
        attrs: { groups: 2 },
        message: 'conv2d: x is [1, 8, 8, 4] and w is [3, 3, 3, 2]; the outputs (3) must be a multiple of groups (2)',
      },
      {
        inputs: [
          [8, 8, 3],
          [4, 3, 3, 3],
        ],
        message: `conv2d: x is [8, 8, 3] and w is [4, 3, 3, 3]; ${reached}`,
      },
      {
        inputs: [
          [1, 2, 9, 1],
          [1, 3, 3, 1],
        ],
        attrs: { dilation: 2, padding: 1 },
        message:
          'conv2d: x is [1, 2, 9, 1], [4, 11] with padding, and a window reaches over [5, 5]; a window must fit into the padded image',
      },
      {
        inputs: [
          [1, 2, 2, 1],
          [1, 1, 1, 1],
        ],
        attrs: { stride: 0 },
        message: 'conv2d: stride is 0; it must be a whole number of at least 1, or two of them',
      },
      {
        inputs: [{ shape: [1, 2, 2, 1], dtype: 'i32' }, [1, 1, 1, 1]],
        message: 'conv2d: x is i32; it must be f32 or f16',
      },
      {
        inputs: [[1, 2, 2, 1], [3, 1, 1, 1], [2]],
        call: ([x, w, bias]) => conv2d(x as Tensor, w as Tensor, { bias: bias as Tensor }),
        message: 'conv2d: bias is [2] and w is [3, 1, 1, 1]; bias must be [3]',
      },
      {
        inputs: [
          [1, 4, 4, 1],
          [3, 1, 1, 1],
        ],
        call: ([x, w]) => conv2d(x as Tensor, w as Tensor, { padding: 'same', stride: 2 }),
        message: "conv2d: padding 'same' with stride [2, 2]; the stride must be 1",
      },
    ],
    differentiable: true,
    kernels: ['gpu', 'software'],
    bench: [
      {
        inputs: [
          [64, 28, 28, 16],
          [32, 3, 3, 16],
        ],
        attrs: { padding: 1 },
      },
      {
        inputs: [
          [16, 56, 56, 64],
          [64, 3, 3, 64],
        ],
        attrs: { padding: 1 },
      },
    ],
  }),
  defineCheck<Windows>({
    op: 'conv2d with bias',
    call: ([x, w, bias], attrs) => conv2d(x as Tensor, w as Tensor, { ...attrs, bias: bias as Tensor }).relu(),
    reference: ([x, w, bias], attrs = {}) => {
      const y = withBias(convolve(x as Ref, w as Ref, attrs), bias as Ref)
      return { shape: y.shape, data: y.data.map((v) => Math.max(0, v)) }
    },
    samples: [{ inputs: [[2, 5, 4, 3], [6, 3, 3, 3], [6]], attrs: { padding: 1 } }],
    differentiable: true,
  }),
  defineCheck({
    op: "conv2d with padding 'same'",
    call: ([x, w]) => conv2d(x as Tensor, w as Tensor, { padding: 'same' }),
    reference: ([image, weights]) => {
      const [x, w] = [image as Ref, weights as Ref]
      const [, kh = 1, kw = 1, ,] = w.shape
      const shape = [...x.shape.slice(0, 3), w.shape[0] ?? 0]
      return convolve(x, w, {}, shape, [Math.floor((kh - 1) / 2), Math.floor((kw - 1) / 2)])
    },
    samples: [
      {
        inputs: [
          [1, 4, 5, 2],
          [3, 3, 5, 2],
        ],
      },
      {
        inputs: [
          [1, 4, 5, 2],
          [3, 2, 4, 2],
        ],
        why: 'even kernels',
      },
    ],
    differentiable: true,
  }),
  defineCheck<Windows & { readonly size: readonly number[] }>({
    op: 'convInputGrad',
    call: ([dy, w], { size, ...windows }) =>
      call1(convInputGradOp, [dy as Tensor, w as Tensor], { ...full(windows), size }),
    reference: ([dy, w], { size, ...windows }) => {
      const [y, weights] = [dy as Ref, w as Ref]
      const dx = zeros([y.shape[0] ?? 0, ...size, (weights.shape[3] ?? 0) * (windows.groups ?? 1)])
      visit(dx.shape, weights.shape, y.shape, windows, pair(windows.padding, 0), (xi, wi, yi) => {
        dx.data[xi] = (dx.data[xi] as number) + (y.data[yi] as number) * (weights.data[wi] as number)
      })
      return dx
    },
    samples: [
      {
        inputs: [
          [2, 4, 4, 3],
          [3, 3, 3, 2],
        ],
        attrs: { size: [8, 7], stride: 2, padding: 1 },
        why: 'second order',
      },
      {
        inputs: [
          [1, 5, 3, 8],
          [8, 3, 2, 2],
        ],
        attrs: { size: [5, 3], groups: 2, padding: 1, dilation: [1, 2] },
      },
    ],
    differentiable: true,
  }),
  defineCheck<Windows & { readonly size: readonly number[] }>({
    op: 'convWeightGrad',
    call: ([x, dy], { size, ...windows }) =>
      call1(convWeightGradOp, [x as Tensor, dy as Tensor], { ...full(windows), size }),
    reference: ([x, dy], { size, ...windows }) => {
      const [images, y] = [x as Ref, dy as Ref]
      const dw = zeros([y.shape[3] ?? 0, ...size, (images.shape[3] ?? 0) / (windows.groups ?? 1)])
      visit(images.shape, dw.shape, y.shape, windows, pair(windows.padding, 0), (xi, wi, yi) => {
        dw.data[wi] = (dw.data[wi] as number) + (y.data[yi] as number) * (images.data[xi] as number)
      })
      return dw
    },
    samples: [
      {
        inputs: [
          [2, 8, 7, 2],
          [2, 4, 4, 3],
        ],
        attrs: { size: [3, 3], stride: 2, padding: 1 },
        why: 'second order',
      },
      {
        inputs: [
          [2, 24, 24, 2],
          [2, 24, 24, 2],
        ],
        attrs: { size: [3, 3], padding: 1 },
        why: 'many parts',
      },
    ],
    differentiable: true,
    kernels: ['gpu', 'software'],
  }),
]

function full({ groups = 1, ...windows }: Windows): {
  stride: Pair
  padding: Pair
  dilation: Pair
  groups: number
} {
  return {
    stride: pair(windows.stride, 1),
    padding: pair(windows.padding, 0),
    dilation: pair(windows.dilation, 1),
    groups,
  }
}
