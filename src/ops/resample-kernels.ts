import axisText from '../../shaders/resample/axis.wgsl?raw'
import { defineKernel, type Kernel } from '../gpu/kernel.ts'
import type { KernelCall } from '../graph/op.ts'
import { gridOf, numel } from '../shape.ts'

const axisKernel: Kernel = defineKernel(
  'resample/axis.wgsl',
  axisText,
  {
    FROM: 'u32',
    TO: 'u32',
    INNER: 'u32',
    OUTPUTS: 'u32',
    TAPS: 'u32',
    ROW: 'u32',
    MAP: 'code',
    LOAD_X: 'code',
    EPILOGUE_DECLS: 'code',
  },
  [],
)

/**
 * How outputs are made of inputs along an axis: the pixel they lie in, the two nearest centers with the outer edges of both in line
 * (linear) or their outer centers (corners), or the mean of the window.
 */
export type ResampleKind = 'nearest' | 'linear' | 'corners' | 'mean'

/** A map from n pixels to m. `share` is the weight of input i in output o. */
interface ResampleMap {
  /** `fn share(o: u32, i: u32) -> f32` */
  readonly share: (n: number, m: number) => string
  /** The first input of output o, as WGSL and as a number. */
  readonly firstInput: (n: number, m: number) => string
  readonly inputs: (o: number, n: number, m: number) => readonly [first: number, end: number]
  /** The first output that reads input i, as WGSL and as a number. */
  readonly firstOutput: (n: number, m: number) => string
  readonly outputFrom: (i: number, n: number, m: number) => number
}

/** Distances between the centers of `size` pixels, at least one. */
const gaps = (size: number): number => Math.max(size - 1, 1)

const maps: Readonly<Record<ResampleKind, ResampleMap>> = {
  nearest: {
    share: (n, m) => `return select(0.0, 1.0, o * ${n}u / ${m}u == i);`,
    firstInput: (n, m) => `return k * ${n}u / ${m}u;`,
    inputs: (o, n, m) => [Math.floor((o * n) / m), Math.floor((o * n) / m) + 1],
    firstOutput: (n, m) => `return (k * ${m}u + ${n - 1}u) / ${n}u;`,
    outputFrom: (i, n, m) => Math.ceil((i * m) / n),
  },
  // The center of output o lies at ((2 o + 1) n - m) / 2 m, held within the centers of the first and the last input.
  linear: {
    share: (n, m) => `  let at = clamp(i32((2u * o + 1u) * ${n}u) - ${m}i, 0i, ${2 * m * (n - 1)}i);
  return max(0.0, 1.0 - f32(abs(at - i32(i * ${2 * m}u))) / ${2 * m}.0);`,
    firstInput: (n, m) => `return u32(max(i32((2u * k + 1u) * ${n}u) - ${m}i, 0i)) / ${2 * m}u;`,
    inputs: (o, n, m) => {
      const first = Math.floor(Math.max((2 * o + 1) * n - m, 0) / (2 * m))
      return [first, Math.min(first + 2, n)]
    },
    firstOutput: (n, m) => `return u32(max(i32(2u * k * ${m}u + ${n}u) - ${m}i, 0i)) / ${2 * n}u;`,
    outputFrom: (i, n, m) => Math.floor(Math.max(2 * i * m - m + n, 0) / (2 * n)),
  },
  // The center of output o lies at o (n - 1) / (m - 1); a lone output at the first input.
  corners: {
    share: (n, m) => `return max(0.0, 1.0 - f32(abs(i32(o * ${n - 1}u) - i32(i * ${gaps(m)}u))) / ${gaps(m)}.0);`,
    firstInput: (n, m) => `return k * ${n - 1}u / ${gaps(m)}u;`,
    inputs: (o, n, m) => {
      const first = Math.floor((o * (n - 1)) / gaps(m))
      return [first, Math.min(first + 2, n)]
    },
    firstOutput: (n, m) => `return (max(k, 1u) - 1u) * ${m - 1}u / ${gaps(n)}u;`,
    outputFrom: (i, n, m) => Math.floor((Math.max(i - 1, 0) * (m - 1)) / gaps(n)),
  },
  mean: {
    share: (n, m) => `  let low = o * ${n}u / ${m}u;
  let end = ((o + 1u) * ${n}u + ${m - 1}u) / ${m}u;
  return select(0.0, 1.0 / f32(end - low), i >= low && i < end);`,
    firstInput: (n, m) => `return k * ${n}u / ${m}u;`,
    inputs: (o, n, m) => [Math.floor((o * n) / m), Math.ceil(((o + 1) * n) / m)],
    firstOutput: (n, m) => `return k * ${m}u / ${n}u;`,
    outputFrom: (i, n, m) => Math.floor((i * m) / n),
  },
}

/** How many elements the longest sum has. */
function taps(map: ResampleMap, n: number, m: number, isTransposed: boolean): number {
  let most = 0
  for (let o = 0; o < m; o++) {
    const [first, end] = map.inputs(o, n, m)
    if (!isTransposed) most = Math.max(most, end - first)
    else for (let i = first; i < Math.min(end, n); i++) most = Math.max(most, o - map.outputFrom(i, n, m) + 1)
  }
  return most
}

/**
 * The dispatch that maps an axis of input 0 to `size` elements; transposed, the gradient of the map from `size`
 * elements to those of the axis.
 */
export function resampleCalls(
  shape: readonly number[],
  axis: number,
  size: number,
  kind: ResampleKind,
  isTransposed: boolean,
): KernelCall[] {
  const map = maps[kind]
  const from = shape[axis] as number
  const [n, m] = isTransposed ? [size, from] : [from, size]
  const inner = numel(shape.slice(axis + 1))
  const outputs = numel(shape.slice(0, axis)) * size * inner
  const count = taps(map, n, m, isTransposed)
  const grid = gridOf(Math.ceil(outputs / 64))
  const code = `fn share(o: u32, i: u32) -> f32 {
${map.share(n, m)}
}
fn first(k: u32) -> u32 {
  ${isTransposed ? map.firstOutput(n, m) : map.firstInput(n, m)}
}
fn weight(o: u32, i: u32) -> f32 {
  return ${isTransposed ? 'share(i, o)' : 'share(o, i)'};
}`
  return [
    {
      kernel: axisKernel,
      params: {
        FROM: from,
        TO: size,
        INNER: inner,
        OUTPUTS: outputs,
        TAPS: count,
        ROW: grid[0] * 64,
        MAP: code,
      },
      bindings: {},
      grid,
      epilogue: true,
      loads: { LOAD_X: { input: 0, name: 'load_x' } },
      flops: 2 * outputs * count,
      bytes: 4 * (numel(shape) + outputs),
    },
  ]
}
