import { fail } from '../errors.ts'
import type { Device } from '../gpu/device.ts'
import { formatShape, sameShape } from '../shape.ts'
import { copyOp } from './constant.ts'
import { readLeaf } from './leaf.ts'
import { activeTrace } from './trace.ts'
import { Node, type Spec, Storage, specBytes, type Value } from './value.ts'

/**
 * Memory that steps change: parameters, statistics, optimizer moments. Reading it gives the value of this moment; a
 * lazy tensor that was made from it keeps that value, whatever is written later.
 */
export class Variable implements Spec {
  readonly device: Device
  readonly shape: readonly number[]
  readonly dtype: Spec['dtype']
  readonly label: string
  /** Whether gradients reach it; changed by {@link setRequiresGrad}. */
  requiresGrad: boolean
  /** The arena this variable is a part of, and where; see {@link home}. */
  arena: Variable | null = null
  arenaOffset = 0
  readonly members: Variable[] = []
  /** The lazy initial value, until it is computed. */
  initial: Value | null
  private place: Storage | null = null
  private reader: Value | null = null

  constructor(initial: Value, label: string, requiresGrad: boolean, device: Device = initial.node.device) {
    this.device = device
    this.shape = initial.shape
    this.dtype = initial.dtype
    // What may be overwritten is copied, so that this variable too waits for the value of this moment.
    this.initial = initial.pending
      ? (new Node(device, copyOp, {}, [initial], [initial], null).outputs[0] as Value)
      : initial
    this.label = label
    this.requiresGrad = requiresGrad
  }

  /** Where the variable lives; allocated at the first call. */
  get storage(): Storage {
    this.place ??= this.arena
      ? this.arena.storage.slice(this.arenaOffset, specBytes(this))
      : Storage.allocate(this.device, Math.max(4, specBytes(this)), this.label)
    return this.place
  }

  /** The storage, if there is one yet; allocates nothing. */
  get placed(): Storage | null {
    return this.arena?.placed ? this.storage : this.place
  }

  /** The value of this moment, inside a trace or outside. */
  read(): Value {
    const trace = activeTrace()
    if (trace) return trace.read(this)
    if (!this.reader) {
      this.reader = readLeaf(this, 0)
      this.reader.pending = []
    }
    if (!this.initial) this.reader.storage = this.storage
    return this.reader
  }

  /** Lets gradients reach it, or not; tensors that were made from it before keep what they recorded. */
  setRequiresGrad(value: boolean): void {
    this.requiresGrad = value
    if (this.reader) this.reader.node.requiresGrad = value
  }

  /** Sets a new value: an effect of the active trace. */
  assign(value: Value): void {
    if (!sameShape(value.shape, this.shape) || value.dtype !== this.dtype) {
      fail(
        'assign',
        `${this.label} is ${this.dtype} ${formatShape(this.shape)}, the value is ${value.dtype} ${formatShape(value.shape)}`,
        'both must be equal',
      )
    }
    const trace = activeTrace()
    if (!trace) fail('assign', `${this.label} was assigned outside of a trace`, 'wrap the call in runEffects')
    trace.assign(this, value)
  }

  /** Lazy tensors may still wait for the value of this moment. */
  get hasReader(): boolean {
    return this.reader !== null
  }

  /** The initial value is in place now. */
  settle(): void {
    this.initial = null
    if (this.reader) this.reader.storage = this.storage
  }

  /** Called when a write is about to be queued: lazy tensors that still need the old value get a copy of it. */
  beforeWrite(): void {
    const reader = this.reader
    this.reader = null
    if (reader && !preserve(reader)) reader.overwritten = true
  }

  /** Moves the variable into a range of an arena. */
  home(arena: Variable, offset: number): void {
    // A reader keeps the old place, which nobody writes any more; one that waits for the initial value will find it in the new place.
    if (!this.initial) this.reader = null
    const old = this.placed
    const left = this.arena?.members.indexOf(this) ?? -1
    if (left >= 0) this.arena?.members.splice(left, 1)
    this.arena = arena
    this.arenaOffset = offset
    this.place = null
    arena.members.push(this)
    if (old && !this.initial) copyStorage(this.device, old, this.storage)
  }
}

/** Moves a leaf to a copy of its storage if lazy nodes still wait for it; false when it stays. */
export function preserve(value: Value): boolean {
  const waiting = (value.pending ?? []).some((ref) => {
    const node = ref.deref()
    return node?.outputs.some((o) => o.storage === null) ?? false
  })
  value.pending = null
  const old = value.storage
  if (!waiting || !old) return false
  const copy = Storage.allocate(old.device, old.bytes, 'preserved')
  copyStorage(old.device, old, copy)
  value.storage = copy
  return true
}

/** Queues a copy from one storage to another. */
export function copyStorage(device: Device, from: Storage, to: Storage): void {
  if (from.bytes === 0) return
  device.queue.enqueue({
    cost: 0,
    run: () => {
      const encoder = device.handle.createCommandEncoder({ label: 'copy' })
      encoder.copyBufferToBuffer(from.block.buffer, from.offset, to.block.buffer, to.offset, from.bytes)
      device.queue.submit([encoder.finish()], 0)
    },
  })
}
