import type { DType } from '../dtype.ts'
import { fail } from '../errors.ts'
import type { Device } from '../gpu/device.ts'
import { formatShape } from '../shape.ts'
import type { LeafOp } from './op.ts'
import { Node, type Site, type Spec, Storage, specBytes, type Value } from './value.ts'
import type { Variable } from './variable.ts'

function leafOp(name: string): LeafOp {
  return { kind: 'leaf', name, inputs: [], infer: () => [], backward: null, saves: [] }
}

/** Host data, uploaded when first needed. Payload: {@link HostData}. */
export const dataOp: LeafOp = leafOp('data')
/** An argument of a compiled function. Payload: its position. */
export const inputOp: LeafOp = leafOp('input')
/** Numbers that the host computes anew for each step. Payload: {@link HostNumbers}. */
export const hostOp: LeafOp = leafOp('host')
/** What a variable holds at one moment. Payload: {@link VariableRead}. */
export const readOp: LeafOp = leafOp('read')

/** What a data leaf carries. */
export interface HostData {
  /** Dropped when uploaded. */
  bytes: ArrayBuffer | null
}

/**
 * `now` is evaluated at the start of every run of a compiled step; `captured` is what it was when the node was made.
 */
export interface HostNumbers {
  readonly now: () => readonly number[]
  readonly captured: readonly number[]
}

/** What a read leaf carries. `version` counts the writes of the trace that made it; it is 0 outside of one. */
export interface VariableRead {
  readonly variable: Variable
  readonly version: number
}

/** A fresh leaf for reading `variable`. */
export function readLeaf(variable: Variable, version: number): Value {
  const payload: VariableRead = { variable, version }
  const node = new Node(variable.device, readOp, {}, [], [variable], null, payload)
  node.requiresGrad = variable.requiresGrad
  return node.outputs[0] as Value
}

/** A leaf over host bytes; they belong to the graph from here on. */
export function dataLeaf(device: Device, spec: Spec, bytes: ArrayBuffer): Value {
  const payload: HostData = { bytes }
  return new Node(device, dataOp, {}, [], [spec], null, payload).outputs[0] as Value
}

/** Numbers of the host as a vector of `dtype` f32 or u32: data, never a constant of a plan. */
export function hostLeaf(device: Device, dtype: 'f32' | 'u32', now: () => readonly number[]): Value {
  const captured = now()
  const payload: HostNumbers = { now, captured }
  return new Node(device, hostOp, {}, [], [{ shape: [captured.length], dtype }], null, payload).outputs[0] as Value
}

/** A placeholder for argument `position`. */
export function inputLeaf(device: Device, spec: Spec, position: number, site: Site | null): Value {
  const node = new Node(device, inputOp, {}, [], [spec], site, position)
  node.requiresGrad = spec.dtype === 'f32' || spec.dtype === 'f16'
  return node.outputs[0] as Value
}

/** Throws where one of the leaves is an argument of another compiled function than the one whose arguments are `own`. */
export function refuseArguments(leaves: readonly Value[], own: readonly Value[] = []): void {
  const foreign = leaves.find((v) => v.node.op === inputOp && !v.storage && !own.includes(v))
  if (!foreign) return
  const { dtype, shape, node } = foreign
  fail(
    'compile',
    `a tensor made of argument ${String(node.payload)}, ${dtype} ${formatShape(shape)}, of a compiled function is used outside of that function`,
    'return it from the function and use what the step gives',
  )
}

/** A leaf that already has a storage, such as a step's output. */
export function storedLeaf(device: Device, spec: Spec, storage: Storage): Value {
  const value = new Node(device, dataOp, {}, [], [spec], null, null).outputs[0] as Value
  value.storage = storage
  return value
}

/** The host bytes of a leaf that is not uploaded yet, or null. */
export function hostBytes(value: Value): ArrayBuffer | null {
  return value.node.op === dataOp && !value.storage ? ((value.node.payload as HostData | null)?.bytes ?? null) : null
}

/** The storage of a data leaf, uploading it when it has none. */
export function uploaded(value: Value): Storage {
  if (!value.storage) {
    const data = value.node.payload as HostData
    const bytes = data.bytes as ArrayBuffer
    const storage = Storage.allocate(value.node.device, Math.max(4, specBytes(value)), 'data')
    if (bytes.byteLength > 0) value.node.device.write(storage.block, storage.offset, padded(bytes))
    value.storage = storage
    data.bytes = null
  }
  return value.storage
}

/** WebGPU writes whole words. */
export function padded(bytes: ArrayBuffer): ArrayBuffer {
  if (bytes.byteLength % 4 === 0) return bytes
  const out = new Uint8Array(Math.ceil(bytes.byteLength / 4) * 4)
  out.set(new Uint8Array(bytes))
  return out.buffer
}

/** Host numbers as the words that the plan writes. */
export function writeNumbers(target: DataView, at: number, dtype: DType, numbers: readonly number[]): void {
  numbers.forEach((v, i) => {
    if (dtype === 'u32') target.setUint32(at + 4 * i, v, true)
    else target.setFloat32(at + 4 * i, v, true)
  })
}
