import { type DType, promote } from '../dtype.ts'
import { fail } from '../errors.ts'
import { type DeviceTraits, type KernelCall, type KernelOp, needDtype, type Variant } from '../graph/op.ts'
import { call1, type Tensor } from '../graph/tensor.ts'
import type { Spec } from '../graph/value.ts'
import { formatShape, gridOf, numel } from '../shape.ts'
import { add, zerosLike } from './arithmetic.ts'
import { isDepthwise } from './conv-depthwise.ts'
import { type ConvShape, convOutputSize, convParts } from './conv-kernels.ts'
import {
  convForwardVariants,
  convInputGradVariants,
  convMomentsVariants,
  convWeightGradVariants,
  type WeightGradVariant,
} from './conv-variants.ts'
import { withWindows } from './conv-windows.ts'
import { type ConvPass, withWinograd } from './conv-winograd.ts'
import { matmul } from './matmul.ts'
import { pad } from './movement.ts'
import { alsoWriting, storeTo, sumOfParts } from './parts.ts'
import { reducePartials } from './reduce-kernels.ts'
import { reshape } from './reshape.ts'
import { asPair, type PairOption, pairOf } from './window.ts'

/** How windows lie: `[height, width]` each. */
type Windows = {
  readonly stride: readonly number[]
  readonly padding: readonly number[]
  readonly dilation: readonly number[]
  readonly groups: number
}

/** The gradients cannot tell the sizes that strides round away from their inputs. */
type Sized = Windows & { readonly size: readonly number[] }

function convShape(x: readonly number[], w: readonly number[], windows: Windows): ConvShape {
  return {
    images: x[0] as number,
    size: [x[1] as number, x[2] as number],
    channels: x[3] as number,
    outputs: w[0] as number,
    kernel: [w[1] as number, w[2] as number],
    stride: asPair(windows.stride),
    padding: asPair(windows.padding),
    dilation: asPair(windows.dilation),
    groups: windows.groups,
  }
}

function inputShape(dy: readonly number[], w: readonly number[], { size, groups }: Sized): number[] {
  return [dy[0] as number, ...size, (w[3] as number) * groups]
}

function weightShape(x: readonly number[], dy: readonly number[], { size, groups }: Sized): number[] {
  return [dy[3] as number, ...size, (x[3] as number) / groups]
}

/** f16 where both are. */
function joined(a: Spec, b: Spec): DType {
  return promote(a.dtype, b.dtype) ?? 'f32'
}

function work(shape: ConvShape): { flops: number; bytes: number } {
  const { images, size, channels, outputs, kernel, groups } = shape
  const y = images * numel(convOutputSize(shape)) * outputs
  const taps = numel(kernel) * (channels / groups)
  return { flops: 2 * y * taps, bytes: 4 * (images * numel(size) * channels + outputs * taps + y) }
}

/** With `moments` outputs 1 to 3 are the moments of each output channel, as momentsOp gives them with this eps. */
type Forward = Windows & { readonly moments?: number }

export const convForwardOp: KernelOp<'x' | 'w', Forward> = {
  kind: 'kernel',
  name: 'conv2d',
  inputs: ['x', 'w'],
  epilogue: true,
  halfInputs: ['x', 'w'],
  halfOutput: true,
  infer: ([x, w], attrs) => {
    const [images, weights] = [x as Spec, w as Spec]
    checkConv(images, weights, attrs.groups)
    const shape = convShape(images.shape, weights.shape, attrs)
    const [p, q] = convOutputSize(shape)
    if (p < 1 || q < 1) {
      const [h, v] = shape.size.map((s, i) => s + 2 * (shape.padding[i] as number)) as [number, number]
      const reach = shape.kernel.map((k, i) => (shape.dilation[i] as number) * (k - 1) + 1)
      fail(
        'conv2d',
        `x is ${formatShape(images.shape)}, ${formatShape([h, v])} with padding, and a window reaches over ${formatShape(reach)}`,
        'a window must fit into the padded image',
      )
    }
    return [{ shape: [shape.images, p, q, shape.outputs], dtype: joined(images, weights) }]
  },
  withMoments: ([x, w], attrs, eps, device) => {
    const shape = convShape((x as Spec).shape, (w as Spec).shape, attrs)
    const [first] = device.software ? [] : forwardVariants(shape, device)
    return first?.name.startsWith('shared-') ? { ...attrs, moments: eps } : null
  },
  variants: ({ inputs: [x, w], attrs, device }) => {
    const shape = convShape((x as Spec).shape, (w as Spec).shape, attrs)
    return attrs.moments === undefined
      ? forwardVariants(shape, device)
      : convMomentsVariants(shape, attrs.moments, device, { bindings: forwardReads, ...work(shape) })
  },
  cost: ([x, w], _, attrs) => work(convShape((x as Spec).shape, (w as Spec).shape, attrs)),
  backward: ({ in: { x, w }, grad, attrs }) => ({
    x: () => inputGrad(grad, w, { ...attrs, size: x.shape.slice(1, 3) }),
    w: () => (x.size === 0 ? zerosLike(w) : weightGrad(x, grad, { ...attrs, size: w.shape.slice(1, 3) })),
  }),
  saves: ['x', 'w'],
}

const forwardReads = { x: { input: 0 }, w: { input: 1 } }

function forwardVariants(shape: ConvShape, device: DeviceTraits): Variant[] {
  const direct = convForwardVariants(shape, device).map(({ name, call }) => ({
    name,
    calls: (): KernelCall[] => [{ ...call(), bindings: forwardReads, epilogue: true, ...work(shape) }],
  }))
  return indirectToo(direct, shape, 'forward', device)
}

/** The transpose of the convolution with respect to its images; `size` is theirs. */
export const convInputGradOp: KernelOp<'dy' | 'w', Sized> = {
  kind: 'kernel',
  name: 'convInputGrad',
  inputs: ['dy', 'w'],
  epilogue: true,
  halfInputs: ['dy', 'w'],
  halfOutput: true,
  infer: ([dy, w], attrs) => [
    { shape: inputShape((dy as Spec).shape, (w as Spec).shape, attrs), dtype: joined(dy as Spec, w as Spec) },
  ],
  variants: ({ inputs: [, w], outputs: [dx], attrs, device }) => {
    const shape = convShape((dx as Spec).shape, (w as Spec).shape, attrs)
    const direct = convInputGradVariants(shape, device).map(({ name, call }) => ({
      name,
      calls: (): KernelCall[] => {
        const tiled = call()
        // Kernels that also convolve call them x.
        const images = tiled.kernel.bindings[0]?.name as string
        return [{ ...tiled, bindings: { [images]: { input: 0 }, w: { input: 1 } }, epilogue: true, ...work(shape) }]
      },
    }))
    return indirectToo(direct, shape, 'input', device)
  },
  cost: ([, w], [dx], attrs) => work(convShape((dx as Spec).shape, (w as Spec).shape, attrs)),
  backward: ({ in: { dy, w }, grad, attrs }) => ({
    dy: () => call1(convForwardOp, [grad, w], windowsOf(attrs)),
    w: () => (dy.size === 0 ? zerosLike(w) : weightGrad(grad, dy, { ...attrs, size: w.shape.slice(1, 3) })),
  }),
  saves: ['dy', 'w'],
}

/** The transpose of the convolution with respect to its weights; `size` is their height and width. */
export const convWeightGradOp: KernelOp<'x' | 'dy', Sized & { readonly sums?: true }> = {
  kind: 'kernel',
  name: 'convWeightGrad',
  inputs: ['x', 'dy'],
  epilogue: true,
  halfInputs: ['x', 'dy'],
  halfOutput: true,
  summed: 1,
  withSums: ([x, dy], attrs) =>
    isDepthwise(convShape((x as Spec).shape, weightShape((x as Spec).shape, (dy as Spec).shape, attrs), attrs))
      ? null
      : { ...attrs, sums: true },
  infer: ([x, dy], attrs) => [
    { shape: weightShape((x as Spec).shape, (dy as Spec).shape, attrs), dtype: joined(x as Spec, dy as Spec) },
  ],
  variants: ({ inputs: [x], outputs: [dw], attrs, device }) => {
    const shape = convShape((x as Spec).shape, (dw as Spec).shape, attrs)
    const { sums = false } = attrs
    const direct = convWeightGradVariants(shape, device).map((variant) => ({
      name: variant.name,
      calls: () => weightGradCalls(shape, variant, sums),
    }))
    return indirectToo(direct, shape, 'weight', device, sums)
  },
  cost: ([x], [dw], attrs) => work(convShape((x as Spec).shape, (dw as Spec).shape, attrs)),
  backward: ({ in: { x, dy }, grad, attrs }) => ({
    x: () => inputGrad(dy, grad, { ...attrs, size: x.shape.slice(1, 3) }),
    dy: () => call1(convForwardOp, [x, grad], windowsOf(attrs)),
  }),
  saves: ['x', 'dy'],
}

/** The kernels that visit every tap and those that lay the images out anew first, the default first. */
function indirectToo(
  direct: readonly Variant[],
  shape: ConvShape,
  pass: ConvPass,
  device: DeviceTraits,
  sums = false,
): Variant[] {
  const options = { flops: work(shape).flops, sums }
  return withWindows(withWinograd(direct, shape, pass, device, options), shape, pass, device, options)
}

function windowsOf({ stride, padding, dilation, groups }: Windows): Windows {
  return { stride, padding, dilation, groups }
}

function inputGrad(dy: Tensor, w: Tensor, attrs: Sized): Tensor {
  return call1(convInputGradOp, [dy, w], attrs)
}

function weightGrad(x: Tensor, dy: Tensor, attrs: Sized): Tensor {
  return call1(convWeightGradOp, [x, dy], attrs)
}

function weightGradCalls(shape: ConvShape, variant: WeightGradVariant, withSums: boolean): KernelCall[] {
  const plain = variant.call()
  const call = withSums
    ? { ...plain, kernel: alsoWriting(plain.kernel, 'sums'), params: { ...plain.params, SUMS: true } }
    : plain
  const read = { x: { input: 0 }, dy: { input: 1 } }
  if (variant.parts === 1) {
    const bindings = withSums ? { ...read, sums: { output: 1 } } : read
    return [{ ...call, bindings, epilogue: true, ...work(shape) }]
  }
  const outputs = shape.outputs * numel(shape.kernel) * (shape.channels / shape.groups)
  const parts = { temp: 'parts', bytes: 4 * outputs * variant.parts }
  const partSums = { temp: 'sums', bytes: 4 * shape.outputs * variant.parts }
  const threads = 64
  const grid = gridOf(Math.ceil((outputs + (withSums ? shape.outputs : 0)) / threads))
  const lines = { THREADS: threads, ROW: grid[0] * threads }
  const first: KernelCall = {
    ...call,
    kernel: alsoWriting(call.kernel, 'parts'),
    params: { ...call.params, EPILOGUE_DECLS: storeTo('parts', call.kernel.bindings.length) },
    bindings: { ...read, ...(withSums ? { sums: partSums } : {}), parts },
    ...work(shape),
  }
  const cost = { flops: outputs * variant.parts, bytes: 4 * outputs * (variant.parts + 1) }
  const second: KernelCall = withSums
    ? {
        kernel: convParts,
        params: { COUNT: outputs, O: shape.outputs, S: variant.parts, ...lines },
        bindings: { parts, part_sums: partSums, sums: { output: 1 } },
        grid,
        epilogue: true,
        ...cost,
      }
    : {
        kernel: reducePartials,
        params: { ACC: sumOfParts, OUTPUTS: outputs, SPLITS: variant.parts, ...lines },
        bindings: { partials: parts },
        grid,
        epilogue: true,
        ...cost,
      }
  return [first, second]
}

function checkConv(x: Spec, w: Spec, groups: number): void {
  needDtype('conv2d', 'x', x, 'f32', 'f16')
  needDtype('conv2d', 'w', w, 'f32', 'f16')
  const shown = `x is ${formatShape(x.shape)} and w is ${formatShape(w.shape)}`
  if (x.shape.length !== 4 || w.shape.length !== 4) {
    fail(
      'conv2d',
      shown,
      'x must be [images, height, width, channels] and w [outputs, height, width, channels / groups]',
    )
  }
  const [outputs, , , depth] = w.shape as [number, number, number, number]
  const channels = x.shape[3] as number
  if (channels !== depth * groups) {
    const times = groups === 1 ? '' : ` times groups (${groups})`
    fail('conv2d', shown, `x's last axis (${channels}) must equal w's (${depth})${times}`)
  }
  if (outputs % groups !== 0) fail('conv2d', shown, `the outputs (${outputs}) must be a multiple of groups (${groups})`)
  if (numel(w.shape) === 0) fail('conv2d', shown, 'w must hold at least one element')
}

/** A convolution that looks at single pixels is a matrix product, and so are its gradients. */
function pointwise(x: Tensor, w: Tensor): Tensor {
  const [outputs, , , channels] = w.shape as [number, number, number, number]
  const y = matmul(reshape(x, [x.size / channels, channels]), reshape(w, [outputs, channels]), { transB: true })
  return reshape(y, [...x.shape.slice(0, 3), outputs])
}

/** Options of {@link conv2d}. */
export interface ConvOptions {
  /** One number for each output, [O]. */
  readonly bias?: Tensor | null
  /** Pixels between windows; 1 unless given. */
  readonly stride?: PairOption
  /** Zeros around the image, or 'same': the output has the size of the image, which takes stride 1. */
  readonly padding?: PairOption | 'same'
  /** Pixels between the taps of a window; 1 unless given. */
  readonly dilation?: PairOption
  /** Channels and outputs are cut into this many groups that do not mix; 1 unless given. */
  readonly groups?: number
}

/**
 * Convolution of images x [N, H, W, C] with weights w [O, KH, KW, C / groups] -> [N, P, Q, O]. As in PyTorch, the
 * kernel is not flipped. Throws when channels do not match or a window is larger than the padded image.
 */
export function conv2d(x: Tensor, w: Tensor, options: ConvOptions = {}): Tensor {
  const { bias = null, groups = 1 } = options
  if (!Number.isInteger(groups) || groups < 1)
    fail('conv2d', `groups is ${groups}`, 'it must be a whole number of at least 1')
  const stride = pairOf('conv2d', 'stride', options.stride ?? 1, 1)
  const dilation = pairOf('conv2d', 'dilation', options.dilation ?? 1, 1)
  checkConv(x, w, groups)
  let images = x
  let padding: readonly number[]
  if (options.padding === 'same') {
    if (stride[0] !== 1 || stride[1] !== 1)
      fail('conv2d', `padding 'same' with stride ${formatShape(stride)}`, 'the stride must be 1')
    const [h, v] = dilation.map((d, i) => d * ((w.shape[i + 1] as number) - 1)) as [number, number]
    padding = [Math.floor(h / 2), Math.floor(v / 2)]
    // The odd zero of an even kernel goes below and to the right.
    if (h % 2 !== 0 || v % 2 !== 0)
      images = pad(x, [
        [0, 0],
        [0, h % 2],
        [0, v % 2],
        [0, 0],
      ])
  } else {
    padding = pairOf('conv2d', 'padding', options.padding ?? 0, 0)
  }
  const isProduct =
    groups === 1 && [w.shape[1], w.shape[2], ...stride].every((s) => s === 1) && !padding.some((p) => p > 0)
  const y = isProduct ? pointwise(images, w) : call1(convForwardOp, [images, w], { stride, padding, dilation, groups })
  if (!bias) return y
  if (bias.shape.length !== 1 || bias.shape[0] !== w.shape[0]) {
    fail(
      'conv2d',
      `bias is ${formatShape(bias.shape)} and w is ${formatShape(w.shape)}`,
      `bias must be [${w.shape[0]}]`,
    )
  }
  return add(y, bias)
}
