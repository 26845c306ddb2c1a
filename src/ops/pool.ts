import { fail } from '../errors.ts'
import type { Kernel } from '../gpu/kernel.ts'
import { type KernelCall, type KernelOp, needDtype } from '../graph/op.ts'
import { call1, type Tensor } from '../graph/tensor.ts'
import type { Spec } from '../graph/value.ts'
import { formatShape, numel } from '../shape.ts'
import type { TiledCall } from './matmul-kernels.ts'
import {
  avgPoolCall,
  avgPoolGradCall,
  hasPoolCells,
  maxPool,
  maxPoolCall,
  maxPoolCellGradCall,
  maxPoolGradCall,
  maxPoolPlacesCall,
  type PoolShape,
  poolOutputSize,
} from './pool-kernels.ts'
import { mean } from './reduce.ts'
import { asPair, type Pair, type PairOption, pairOf } from './window.ts'

/** How windows lie: `[height, width]` each. */
type Windows = {
  readonly kernel: readonly number[]
  readonly stride: readonly number[]
  readonly padding: readonly number[]
  readonly dilation: readonly number[]
}
type Averaged = Windows & { readonly countIncludePad: boolean }

function poolShape(x: readonly number[], windows: Windows): PoolShape {
  return {
    images: x[0] as number,
    size: [x[1] as number, x[2] as number],
    channels: x[3] as number,
    kernel: asPair(windows.kernel),
    stride: asPair(windows.stride),
    padding: asPair(windows.padding),
    dilation: asPair(windows.dilation),
  }
}

/** Shape of the output; throws where a window would hold padding alone. */
function pooled(op: string, x: Spec, windows: Windows): Spec {
  needDtype(op, 'x', x, 'f32', 'f16')
  if (x.shape.length !== 4) fail(op, `x is ${formatShape(x.shape)}`, 'it must be [images, height, width, channels]')
  const shape = poolShape(x.shape, windows)
  const [p, q] = poolOutputSize(shape)
  if (p < 1 || q < 1) {
    const shown = `x is ${formatShape(x.shape)}, the kernel ${formatShape(windows.kernel)} and the padding ${formatShape(windows.padding)}`
    fail(op, shown, 'a window must fit into the padded image')
  }
  for (const axis of [0, 1] as const) {
    for (let at = 0; at < [p, q][axis]!; at++) {
      const first = at * shape.stride[axis] - shape.padding[axis]
      const skipped = first < 0 ? Math.ceil(-first / shape.dilation[axis]) : 0
      if (skipped < shape.kernel[axis] && first + skipped * shape.dilation[axis] < shape.size[axis]) continue
      const shown = `padding ${formatShape(windows.padding)} with the kernel ${formatShape(windows.kernel)} on x ${formatShape(x.shape)}`
      fail(op, shown, 'each window must hold a pixel: pad by at most half the kernel')
    }
  }
  return { shape: [shape.images, p, q, shape.channels], dtype: x.dtype }
}

function calls(call: TiledCall, bindings: KernelCall['bindings'], flops: number, bytes: number): KernelCall[] {
  return [{ ...call, bindings, epilogue: true, flops, bytes }]
}

type Work = Pick<KernelCall, 'flops' | 'bytes'>

function work(x: Spec, y: Spec, { kernel }: Windows): Work {
  return { flops: numel(y.shape) * numel(kernel), bytes: 4 * (numel(x.shape) + numel(y.shape)) }
}

export const maxPoolOp: KernelOp<'x', Windows> = {
  kind: 'kernel',
  name: 'maxPool2d',
  inputs: ['x'],
  epilogue: true,
  halfInputs: ['x'],
  halfOutput: true,
  infer: ([x], attrs) => [pooled('maxPool2d', x as Spec, attrs)],
  lower: ({ inputs, outputs, attrs }) => {
    const { flops, bytes } = maxPoolOp.cost(inputs, outputs, attrs)
    return calls(maxPoolCall(poolShape((inputs[0] as Spec).shape, attrs)), { x: { input: 0 } }, flops, bytes)
  },
  cost: ([x], [y], attrs) => work(x as Spec, y as Spec, attrs),
  backward: ({ in: { x }, grad, attrs }) => ({ x: () => call1(maxPoolGradOp, [x, grad], attrs) }),
  saves: ['x'],
}

/** The kernel with its output in a buffer of places instead of the generated store. */
const poolPlaces: Kernel = {
  ...maxPool,
  bindings: [...maxPool.bindings, { name: 'places', access: 'read_write' }],
}
const storePlace = `@group(0) @binding(1) var<storage, read_write> places: array<f32>;
fn store_y(i: u32, value: f32) {
  places[i] = value;
}`

/** The gradient by way of the winner of each of `windows`. */
function throughPlaces(shape: PoolShape, windows: number, { flops, bytes }: Work): KernelCall[] {
  const places = { temp: 'places', bytes: 4 * windows }
  const find = maxPoolPlacesCall(shape)
  return [
    {
      ...find,
      kernel: poolPlaces,
      params: { ...find.params, EPILOGUE_DECLS: storePlace },
      bindings: { x: { input: 0 }, places },
      flops,
      bytes,
    },
    ...calls(maxPoolGradCall(shape), { places, dy: { input: 1 } }, flops, bytes),
  ]
}

/** Finds each window's winner again, so that the forward pass stores no indices. */
export const maxPoolGradOp: KernelOp<'x' | 'dy', Windows> = {
  kind: 'kernel',
  name: 'maxPoolGrad',
  inputs: ['x', 'dy'],
  epilogue: true,
  halfInputs: ['x', 'dy'],
  halfOutput: true,
  infer: ([x]) => [x as Spec],
  variants: ({ inputs: [x, dy], outputs, attrs }) => {
    const work = maxPoolGradOp.cost([x as Spec, dy as Spec], outputs, attrs)
    const shape = poolShape((x as Spec).shape, attrs)
    const places = { name: 'places', calls: () => throughPlaces(shape, numel((dy as Spec).shape), work) }
    if (!hasPoolCells(shape)) return [places]
    const bindings = { x: { input: 0 }, dy: { input: 1 } }
    return [{ name: 'cells', calls: () => calls(maxPoolCellGradCall(shape), bindings, work.flops, work.bytes) }, places]
  },
  cost: ([x, dy], _, attrs) => {
    const { flops, bytes } = work(x as Spec, dy as Spec, attrs)
    return { flops, bytes: bytes + 4 * numel((x as Spec).shape) }
  },
  backward: null,
  saves: [],
}

export const avgPoolOp: KernelOp<'x', Averaged> = {
  kind: 'kernel',
  name: 'avgPool2d',
  inputs: ['x'],
  epilogue: true,
  halfInputs: ['x'],
  halfOutput: true,
  infer: ([x], attrs) => [pooled('avgPool2d', x as Spec, attrs)],
  lower: ({ inputs, outputs, attrs }) => {
    const { flops, bytes } = avgPoolOp.cost(inputs, outputs, attrs)
    const call = avgPoolCall(poolShape((inputs[0] as Spec).shape, attrs), attrs.countIncludePad)
    return calls(call, { x: { input: 0 } }, flops, bytes)
  },
  cost: ([x], [y], attrs) => work(x as Spec, y as Spec, attrs),
  backward: ({ in: { x }, grad, attrs }) => ({
    x: () => call1(avgPoolGradOp, [grad], { ...attrs, size: x.shape.slice(1, 3) }),
  }),
  saves: ['x'],
}

/** The transpose of the mean of windows; `size` is that of the images. */
export const avgPoolGradOp: KernelOp<'dy', Averaged & { readonly size: readonly number[] }> = {
  kind: 'kernel',
  name: 'avgPoolGrad',
  inputs: ['dy'],
  epilogue: true,
  halfInputs: ['dy'],
  halfOutput: true,
  infer: ([dy], { size }) => {
    const { shape, dtype } = dy as Spec
    return [{ shape: [shape[0] as number, ...size, shape[3] as number], dtype }]
  },
  lower: ({ inputs, outputs, attrs }) => {
    const { flops, bytes } = avgPoolGradOp.cost(inputs, outputs, attrs)
    const call = avgPoolGradCall(poolShape((outputs[0] as Spec).shape, attrs), attrs.countIncludePad)
    return calls(call, { dy: { input: 0 } }, flops, bytes)
  },
  cost: ([dy], [dx], attrs) => work(dx as Spec, dy as Spec, attrs),
  backward: ({ grad, attrs: { size: _, ...windows } }) => ({ dy: () => call1(avgPoolOp, [grad], windows) }),
  saves: [],
}

/** Options of {@link maxPool2d}. */
export interface PoolOptions {
  /** Pixels between windows; those of the kernel unless given. */
  readonly stride?: PairOption
  /** Pixels around the image that never win; at most half the kernel, 0 unless given. */
  readonly padding?: PairOption
}

/** Options of {@link avgPool2d}. */
export interface AvgPoolOptions extends PoolOptions {
  /** Padding counts as zeros in the mean; true unless given. */
  readonly countIncludePad?: boolean
}

function windowsOf(op: string, kernel: PairOption, options: PoolOptions, dilation: Pair): Windows {
  const window = pairOf(op, 'kernel', kernel, 1)
  return {
    kernel: window,
    stride: pairOf(op, 'stride', options.stride ?? window, 1),
    padding: pairOf(op, 'padding', options.padding ?? 0, 0),
    dilation,
  }
}

/**
 * Largest element of each window of images x [N, H, W, C] -> [N, P, Q, C]. The gradient goes to the first of equals; it
 * has no gradient of its own.
 */
export function maxPool2d(
  x: Tensor,
  kernel: PairOption,
  options: PoolOptions & { readonly dilation?: PairOption } = {},
): Tensor {
  const dilation = pairOf('maxPool2d', 'dilation', options.dilation ?? 1, 1)
  return call1(maxPoolOp, [x], windowsOf('maxPool2d', kernel, options, dilation))
}

/** Mean of each window of images x [N, H, W, C] -> [N, P, Q, C]. */
export function avgPool2d(x: Tensor, kernel: PairOption, options: AvgPoolOptions = {}): Tensor {
  const windows = windowsOf('avgPool2d', kernel, options, [1, 1])
  return call1(avgPoolOp, [x], { ...windows, countIncludePad: options.countIncludePad ?? true })
}

/** Mean over height and width of images x [N, H, W, C] -> [N, C]. */
export function globalAvgPool2d(x: Tensor): Tensor {
  if (x.shape.length !== 4)
    fail('globalAvgPool2d', `x is ${formatShape(x.shape)}`, 'it must be [images, height, width, channels]')
  return mean(x, [1, 2])
}
