import type { DType } from '../dtype.ts'
import { WgradError } from '../errors.ts'
import type { Device } from '../gpu/device.ts'
import type { Kernel } from '../gpu/kernel.ts'
import type { ParamValue } from '../gpu/template.ts'
import type { Tensor } from './tensor.ts'
import type { Attrs, Spec } from './value.ts'

/** What a gradient rule may use: the saved inputs and outputs by name, and the gradients of the outputs. */
export interface GradContext<I extends string, A extends Attrs> {
  readonly in: Readonly<Record<I, Tensor>>
  /** The inputs of an op with `variadic: true`. */
  readonly all: readonly Tensor[]
  readonly out: Tensor
  readonly outs: readonly Tensor[]
  readonly grad: Tensor
  /** Gradient of each output; null where nothing depends on it. */
  readonly grads: readonly (Tensor | null)[]
  readonly attrs: A
}

/**
 * One entry per input: how to make its gradient, evaluated only when needed; null is the decision that there is none.
 */
export type GradRules<I extends string> = Readonly<Record<I, (() => Tensor) | null>>

/** What is common to every op. Declared once; tests, autograd, planner, profiler and docs read it. */
interface OpCommon<I extends string, A extends Attrs> {
  readonly name: string
  readonly inputs: readonly I[]
  /** Takes any number of inputs; `inputs` then names the kind. */
  readonly variadic?: boolean
  /** Shape and dtype rule; runs at the call and throws there. One spec per output. */
  infer(inputs: readonly Spec[], attrs: A): readonly Spec[]
  /** Written in ops. null: the op has no gradient, and asking for one is an error. */
  readonly backward:
    | { rule(c: GradContext<I, A>): GradRules<NoInfer<I>> | readonly ((() => Tensor) | null)[] }['rule']
    | null
  /** All that `backward` may read: names of inputs, 'out' for the outputs. */
  readonly saves: readonly (I | 'out')[]
}

/** Writes the WGSL of one element; see emit.ts. */
export interface ElementWriter {
  /** Element `i` (a u32 expression) of an input, in the compute type of its dtype. */
  load(input: number, i: string): string
  /** Binds an expression to a fresh name. */
  let(expression: string): string
  /** Adds a helper function's text once. */
  helper(name: string, text: string): void
}

/** An op whose element i is a function of input elements at indices computed from i. All of them fuse. */
export interface MapOp<I extends string = string, A extends Attrs = Attrs> extends OpCommon<I, A> {
  readonly kind: 'map'
  emit(
    w: ElementWriter,
    i: string,
    c: { readonly inputs: readonly Spec[]; readonly output: Spec; readonly attrs: A },
  ): string
  /** FLOPs for one output element. */
  flops(attrs: A): number
  /** Output element i reads element i of this input and no other. */
  aligned(input: number, inputs: readonly Spec[], output: Spec, attrs: A): boolean
  /** The output is the input's bytes under another shape. */
  readonly alias?: boolean
  /** The value on plain numbers, for folding constants. */
  fold?(values: readonly number[], attrs: A): number
  /** The input that the output equals when these inputs are constants (null: not one), or null. */
  neutral?(constants: readonly (number | null)[], attrs: A): number | null
  /** The output's elements are elements of the first input and nothing else. */
  readonly moves?: boolean
  /** The output always has a buffer of its own. */
  readonly isKept?: boolean
  /** Inputs that must be there before and are not read. */
  readonly awaits?: readonly I[]
}

/** An operand of a kernel call. */
export type Operand =
  | { readonly input: number }
  | { readonly output: number }
  | { readonly temp: string; readonly bytes: number }
  | { readonly state: number }

/** One dispatch that an op is lowered to. */
export interface KernelCall {
  readonly kernel: Kernel
  readonly params: Readonly<Record<string, ParamValue>>
  readonly bindings: Readonly<Record<string, Operand>>
  readonly grid: readonly [number, number, number]
  /** Output 0 is stored through the generated `store_y`, so that elementwise consumers may join. */
  readonly epilogue?: boolean
  /** Code parameters to be filled with a generated `fn load_<name>(i: u32)` that reads an input, fused or not. */
  readonly loads?: Readonly<Record<string, { readonly input: number; readonly name: string }>>
  readonly flops: number
  readonly bytes: number
}

/** What lowering may look at. */
export interface LowerContext<A extends Attrs> {
  readonly inputs: readonly Spec[]
  readonly outputs: readonly Spec[]
  readonly attrs: A
  readonly device: DeviceTraits
}

/** The facts about a device on which the choice of a kernel may depend. */
export interface DeviceTraits {
  readonly software: boolean
  readonly maxBuffers: number
  readonly maxBindingBytes: number
  readonly maxWorkgroupBytes: number
  readonly maxInvocations: number
  /** Threads can swap values in fours (the feature `subgroups`). */
  readonly quads: boolean
}

/** One of the kernels, or rows of kernels, that can do the same work. */
export interface Variant {
  /**
   * Says the kernel and all sizes that the work leaves open, such as `tile-8x4-4x4`: with the work it decides the bits of the result, so
   * that a file may hold it.
   */
  readonly name: string
  /** The dispatches; called only where this variant is taken. */
  calls(): readonly KernelCall[]
}

interface OneWay<A extends Attrs> {
  lower(c: LowerContext<A>): readonly KernelCall[]
  readonly variants?: undefined
}

interface SeveralWays<A extends Attrs> {
  /** The variants that are legal on the device, the one to take where nothing is known of the device first. */
  variants(c: LowerContext<A>): readonly Variant[]
  readonly lower?: undefined
}

interface KernelCommon<I extends string, A extends Attrs> extends OpCommon<I, A> {
  readonly kind: 'kernel'
  /** Inputs that the kernel reads through a generated load, so that producers may join. */
  readonly virtual?: readonly I[]
  /** The last call stores output 0 through `store_y`. */
  readonly epilogue?: boolean
  /** Inputs that the kernels read from buffers of f16 as well as of f32. */
  readonly halfInputs?: readonly I[]
  /** The output may be kept as f16: it is no statistic. */
  readonly halfOutput?: boolean
  /**
   * The attributes under which the op also gives, as output 1, the sums of its first input, or that at `summed`, over all axes but the
   * last, in f32; null where it cannot.
   */
  withSums?(inputs: readonly Spec[], attrs: A): A | null
  readonly summed?: number
  /**
   * The attributes under which the op also gives, as outputs 1 to 3, mean, 1 / sqrt(variance + eps) and variance of
   * output 0 over all axes but the last, in f32; null where it cannot, or where that takes longer than reading output 0
   * again.
   */
  withMoments?(inputs: readonly Spec[], attrs: A, eps: number, device: DeviceTraits): A | null
  /** Useful work of the op. */
  cost(inputs: readonly Spec[], outputs: readonly Spec[], attrs: A): { readonly flops: number; readonly bytes: number }
}

/** An op with kernels of its own: one way to run it, or several variants among which the device's table chooses. */
export type KernelOp<I extends string = string, A extends Attrs = Attrs> = KernelCommon<I, A> &
  (OneWay<A> | SeveralWays<A>)

/** A value that comes from outside: data, a variable, a placeholder, a number of the host. */
export interface LeafOp<I extends string = string, A extends Attrs = Attrs> extends OpCommon<I, A> {
  readonly kind: 'leaf'
}

/** Lays values end to end in one buffer; see effects.ts. */
export interface PackOp<I extends string = string, A extends Attrs = Attrs> extends OpCommon<I, A> {
  readonly kind: 'pack'
  offsets(attrs: A): readonly number[]
}

/** Any op. */
export type Op<I extends string = string, A extends Attrs = Attrs> =
  | MapOp<I, A>
  | KernelOp<I, A>
  | LeafOp<I, A>
  | PackOp<I, A>

/** The traits of `device` that lowering sees. */
export function traitsOf(device: Device): DeviceTraits {
  return {
    software: device.info.software,
    maxBuffers: device.limits.maxStorageBuffersPerShaderStage,
    maxBindingBytes: device.limits.maxStorageBufferBindingSize,
    maxWorkgroupBytes: device.limits.maxComputeWorkgroupStorageSize,
    maxInvocations: device.limits.maxComputeInvocationsPerWorkgroup,
    quads: device.info.features.includes('subgroups'),
  }
}

/** Throws unless `spec` has one of the dtypes. */
export function needDtype(op: string, name: string, spec: Spec, ...allowed: readonly DType[]): void {
  if (!allowed.includes(spec.dtype)) {
    throw new WgradError(`${op}: ${name} is ${spec.dtype}; it must be ${allowed.join(' or ')}`)
  }
}

/** The variants with the one called `name` first; the others keep their order. */
export function defaultFirst<V extends { readonly name: string }>(variants: readonly V[], name: string): V[] {
  return [...variants.filter((v) => v.name === name), ...variants.filter((v) => v.name !== name)]
}
