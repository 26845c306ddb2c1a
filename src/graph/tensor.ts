import { type DType, decode, encode, isFloat, type TypedArray } from '../dtype.ts'
import { fail, StaleOutputError } from '../errors.ts'
import { type Device, defaultDevice } from '../gpu/device.ts'
import { checkShape, formatShape, numel } from '../shape.ts'
import { constantOf } from './constant.ts'
import { dataLeaf, hostBytes } from './leaf.ts'
import type { MapOp, Op } from './op.ts'
import { realize } from './realize.ts'
import { type Attrs, captureSite, Node, type Spec, type Value } from './value.ts'

/** Nested arrays of numbers or booleans. */
export type NestedNumbers = number | boolean | readonly NestedNumbers[]

/**
 * A lazy array on a device. An op call checks shapes and dtypes at once and runs nothing; {@link Tensor.data} runs what
 * is needed. Nothing is disposed by hand: what no handle reaches is reclaimed.
 */
export class Tensor {
  /** @internal */
  protected readonly fixed: Value | null
  /** @internal Why this handle can no longer be read; set for outputs of steps. */
  stale: (() => string | null) | null = null

  /** Tensors come from {@link tensor} and from ops. */
  constructor(value: Value | null) {
    this.fixed = value
  }

  /** @internal The graph value behind the handle. */
  get value(): Value {
    return this.fixed as Value
  }

  /** Sizes of the axes, outermost first; `[]` for a scalar. */
  get shape(): readonly number[] {
    return this.value.shape
  }

  /** Type of the elements. */
  get dtype(): DType {
    return this.value.dtype
  }

  /** Where the tensor lives. */
  get device(): Device {
    return this.value.node.device
  }

  /** True when a gradient with respect to this tensor, or through it, can be asked for. */
  get requiresGrad(): boolean {
    return this.value.node.requiresGrad
  }

  /** Number of elements. */
  get size(): number {
    return numel(this.shape)
  }

  /**
   * Computes the tensor and copies it to the host, row-major. bool gives Uint8Array, f16 Float32Array. Rejects with a
   * {@link StaleOutputError} for an output that later steps have overwritten, with a DeviceLostError when the device is
   * lost or closed.
   */
  async data(): Promise<TypedArray> {
    const [first] = await readAll([this])
    return first as TypedArray
  }

  /** The value of a tensor with one element; rejects where there are more, or none. */
  async item(): Promise<number> {
    if (this.size !== 1) fail('item', `the tensor is ${formatShape(this.shape)}`, 'it must have exactly one element')
    return (await this.data())[0] as number
  }

  /** The values as nested arrays; a number for a scalar. */
  async array(): Promise<NestedNumbers> {
    const flat = Array.from(await this.data())
    let at = 0
    const build = (axis: number): NestedNumbers =>
      axis === this.shape.length
        ? (flat[at++] as number)
        : Array.from({ length: this.shape[axis] as number }, () => build(axis + 1))
    return build(0)
  }

  /** Dtype and shape, for messages; the values stay on the device. */
  toString(): string {
    return `Tensor ${this.dtype} ${formatShape(this.shape)}`
  }
}

/** Options of {@link tensor}. */
export interface TensorOptions {
  /** The shape; for flat data. Nested arrays have theirs. */
  readonly shape?: readonly number[]
  /** The dtype; f32 for numbers, bool for booleans, the natural one for typed arrays unless given. */
  readonly dtype?: DType
  /** Where the tensor lives; the default device unless given. */
  readonly device?: Device
  /** Records what is computed from it, so that gradients with respect to it can be asked for. */
  readonly requiresGrad?: boolean
}

/**
 * Makes a tensor of numbers, nested arrays or a typed array; the data is copied. Throws when the number of elements is
 * not the shape's, when nested arrays are ragged, or when a value does not fit an integer dtype.
 */
export function tensor(data: NestedNumbers | ArrayLike<number>, options: TensorOptions = {}): Tensor {
  const device = options.device ?? defaultDevice()
  device.assertUsable('tensor')
  let flat: ArrayLike<number | boolean>
  let shape: readonly number[]
  if (typeof data === 'number' || typeof data === 'boolean') {
    flat = [data]
    shape = options.shape ?? []
  } else if (Array.isArray(data)) {
    const out: (number | boolean)[] = []
    shape = flatten(data as readonly NestedNumbers[], out)
    flat = out
    shape = options.shape ?? shape
  } else {
    flat = data as ArrayLike<number>
    shape = options.shape ?? [flat.length]
  }
  checkShape('tensor', shape)
  if (numel(shape) !== flat.length) {
    fail(
      'tensor',
      `${flat.length} values for the shape ${formatShape(shape)}`,
      `the shape has room for ${numel(shape)}`,
    )
  }
  const dtype = options.dtype ?? naturalDtype(flat)
  if (dtype === 'f16') needHalf('tensor', device)
  if (options.requiresGrad && !isFloat(dtype))
    fail('tensor', `requiresGrad with dtype ${dtype}`, 'only f32 and f16 have gradients')
  const value = dataLeaf(device, { shape, dtype }, encode(flat, dtype))
  value.node.requiresGrad = options.requiresGrad ?? false
  return new Tensor(value)
}

function naturalDtype(flat: ArrayLike<number | boolean>): DType {
  if (flat instanceof Int32Array || flat instanceof Int8Array || flat instanceof Int16Array) return 'i32'
  if (flat instanceof Uint32Array || flat instanceof Uint8Array || flat instanceof Uint16Array) return 'u32'
  return flat.length > 0 && typeof flat[0] === 'boolean' ? 'bool' : 'f32'
}

function flatten(data: readonly NestedNumbers[], out: (number | boolean)[]): number[] {
  const [first] = data
  if (data.length === 0) return [0]
  if (!Array.isArray(first)) {
    for (const v of data) {
      if (typeof v !== 'number' && typeof v !== 'boolean')
        fail('tensor', 'nested arrays of unequal depth', 'all rows must have one shape')
      out.push(v as number | boolean)
    }
    return [data.length]
  }
  const shapes = data.map((row) => (Array.isArray(row) ? flatten(row as readonly NestedNumbers[], out) : []))
  const inner = shapes[0] as number[]
  const odd = shapes.find((s) => formatShape(s) !== formatShape(inner))
  if (odd) fail('tensor', `rows of shape ${formatShape(inner)} and ${formatShape(odd)}`, 'all rows must have one shape')
  return [data.length, ...inner]
}

/** Computes several tensors in one plan and copies them to the host in one readback. */
export async function readAll(tensors: readonly Tensor[]): Promise<TypedArray[]> {
  if (tensors.length === 0) return []
  const values = tensors.map((t) => {
    const why = t.stale?.()
    if (why) throw new StaleOutputError(why)
    return t.value
  })
  const { device } = (values[0] as Value).node
  if (values.some((v) => v.node.device !== device))
    fail('read', 'the tensors are on different devices', 'read those of each device on their own')
  device.assertUsable('read')
  const host = values.map(hostBytes)
  if (host.every((h) => h !== null)) {
    return values.map((v, i) => decode((host[i] as ArrayBuffer).slice(0), v.dtype, numel(v.shape)))
  }
  realize(values)
  const places = values.map((v) => v.storage)
  const bytes = await device.read('read', () =>
    places.map((s) => ({ buffer: s?.block.buffer as GPUBuffer, offset: s?.offset ?? 0, bytes: s?.bytes ?? 0 })),
  )
  return values.map((v, i) => decode(bytes[i] as ArrayBuffer, v.dtype, numel(v.shape)))
}

let gradEnabled = true

/** Runs `fn` without recording for gradients. */
export function noGrad<T>(fn: () => T): T {
  const outer = gradEnabled
  gradEnabled = false
  try {
    return fn()
  } finally {
    gradEnabled = outer
  }
}

/** Whether what is computed now is recorded for gradients. */
export function isRecording(): boolean {
  return gradEnabled
}

let isReverse = false

/** Runs `fn` as a part of the reverse walk, whose nodes are gradients, or (false) not as one though the walk is under way. */
export function inReverse<T>(isOn: boolean, fn: () => T): T {
  const outer = isReverse
  isReverse = isOn
  try {
    return fn()
  } finally {
    isReverse = outer
  }
}

/** Calls an op: checks its inputs, records a node, runs nothing. An op without inputs runs `on` a device, the default one unless given. */
export function call(op: Op, inputs: readonly Tensor[], attrs: Attrs = {}, on?: Device): Tensor[] {
  const values = inputs.map((t) => t.value)
  const specs = op.infer(values as readonly Spec[], attrs as never)
  const device = on ?? sharedDevice(op.name, inputs)
  if (specs.some((s) => s.dtype === 'f16')) needHalf(op.name, device)
  const node = new Node(device, op, attrs, values, specs, captureSite(call))
  node.isGradient = isReverse
  node.requiresGrad = gradEnabled && op.backward !== null && values.some((v) => v.node.requiresGrad)
  return node.outputs.map((o) => new Tensor(o))
}

/** {@link call} for an op with one output. */
export function call1(op: Op, inputs: readonly Tensor[], attrs: Attrs = {}, on?: Device): Tensor {
  return call(op, inputs, attrs, on)[0] as Tensor
}

function needHalf(op: string, device: Device): void {
  if (!device.info.features.includes('shader-f16')) fail(op, 'dtype f16 on a device without shader-f16', 'use f32')
}

function sharedDevice(name: string, inputs: readonly Tensor[]): Device {
  // A constant is no data: it joins whatever device the other inputs are on.
  const { device } = inputs.find((t) => constantOf(t.value) === null) ?? inputs[0] ?? { device: defaultDevice() }
  for (const t of inputs) {
    if (t.device !== device && constantOf(t.value) === null)
      fail(name, 'its inputs are on different devices', 'read one and make it anew on the other device')
    const why = t.stale?.()
    if (why) throw new StaleOutputError(why)
    // Autograd keeps what a computed tensor was made of, but not what it held.
    if (t.value.overwritten)
      fail(
        name,
        `it needs the ${t.dtype} ${formatShape(t.shape)} that was overwritten since it was used`,
        'take gradients before parameters are updated and outputs of steps are overwritten',
      )
  }
  return device
}

/** The same value, cut off from what made it: no gradient flows through. */
export function detach(t: Tensor): Tensor {
  return noGrad(() => call1(detachOp, [t]))
}

const detachOp: MapOp<'x'> = {
  kind: 'map',
  name: 'detach',
  inputs: ['x'],
  infer: ([x]) => [{ shape: (x as Spec).shape, dtype: (x as Spec).dtype }],
  emit: (w, i) => w.load(0, i),
  flops: () => 0,
  aligned: () => true,
  alias: true,
  moves: true,
  neutral: () => 0,
  backward: () => ({ x: null }),
  saves: [],
}
