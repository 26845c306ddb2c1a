import type { DType } from '../dtype.ts'
import { elementBytes } from '../dtype.ts'
import type { Device } from '../gpu/device.ts'
import type { Block } from '../gpu/pool.ts'
import { numel } from '../shape.ts'
import type { Op } from './op.ts'

/** What is known of a tensor before anything runs. */
export interface Spec {
  readonly shape: readonly number[]
  readonly dtype: DType
}

/** Plain data that says which form of an op is meant; part of a plan's key. */
export type Attrs = {
  readonly [name: string]: number | string | boolean | null | readonly number[] | readonly (readonly number[])[]
}

const reclaimed = new FinalizationRegistry<{ device: Device; block: Block }>(({ device, block }) =>
  device.pool.release(block),
)

/**
 * A range of a block that holds a tensor. Whoever allocated it owns the block; it goes back to the pool when the owner
 * is collected.
 */
export class Storage {
  readonly device: Device
  readonly block: Block
  readonly offset: number
  readonly bytes: number
  /** Counts the handles given out for this place of a ring; an older handle is stale. */
  stamp = 0
  private readonly owner: Storage | null

  private constructor(device: Device, block: Block, offset: number, bytes: number, owner: Storage | null) {
    this.device = device
    this.block = block
    this.offset = offset
    this.bytes = bytes
    this.owner = owner
  }

  static allocate(device: Device, bytes: number, label: string): Storage {
    const block = device.pool.acquire(bytes, label)
    const storage = new Storage(device, block, 0, bytes, null)
    reclaimed.register(storage, { device, block }, storage)
    return storage
  }

  /** A part of this storage; it keeps the whole alive. */
  slice(offset: number, bytes: number): Storage {
    return new Storage(this.device, this.block, this.offset + offset, bytes, this.owner ?? this)
  }

  /** True unless this is a part of another storage. */
  get ownsBlock(): boolean {
    return this.owner === null
  }

  /** Gives the block back now; nothing may use this storage afterwards. */
  release(): void {
    reclaimed.unregister(this)
    this.device.pool.release(this.block)
  }
}

/** Bytes a tensor of this spec takes, padded to whole words. */
export function specBytes(spec: Spec): number {
  return Math.ceil((numel(spec.shape) * elementBytes(spec.dtype)) / 4) * 4
}

/** One result of a node: lazy until it has a storage. */
export class Value {
  readonly node: Node
  readonly index: number
  readonly shape: readonly number[]
  readonly dtype: DType
  readonly id: number
  storage: Storage | null = null
  /** Lazy nodes that read a storage which is going to be overwritten; null where the storage never changes. */
  pending: WeakRef<Node>[] | null = null
  /** What stands in the storage is no longer this value, and nobody waited for it. */
  overwritten = false
  /** Length of `pending` at which those that are computed or gone are forgotten. */
  private pruneAt = 64
  private static count = 0

  constructor(node: Node, index: number, spec: Spec) {
    this.node = node
    this.index = index
    this.shape = spec.shape
    this.dtype = spec.dtype
    this.id = Value.count++
  }

  /** Remembers a lazy reader, where the storage may be overwritten. */
  readBy(node: Node): void {
    if (!this.pending) return
    if (this.pending.length >= this.pruneAt) {
      this.pending = this.pending.filter((ref) => ref.deref()?.outputs.some((o) => o.storage === null))
      this.pruneAt = Math.max(64, 2 * this.pending.length)
    }
    this.pending.push(new WeakRef(node))
  }
}

/** One op call of the graph. */
export class Node {
  readonly op: Op
  readonly attrs: Attrs
  readonly device: Device
  readonly outputs: readonly Value[]
  readonly id: number
  /** Where the user called the op; formatted only when needed. */
  readonly site: Site | null
  /** What leaves carry: host bytes, a getter, a variable. */
  readonly payload: unknown
  inputs: readonly Value[]
  requiresGrad = false
  /** Made by the reverse walk. */
  isGradient = false
  /** Nodes made so far. */
  static count = 0

  constructor(
    device: Device,
    op: Op,
    attrs: Attrs,
    inputs: readonly Value[],
    specs: readonly Spec[],
    site: Site | null,
    payload?: unknown,
  ) {
    this.device = device
    this.op = op
    this.attrs = attrs
    this.inputs = inputs
    this.site = site
    this.payload = payload
    this.id = Node.count++
    this.outputs = specs.map((spec, i) => new Value(this, i, spec))
    for (const input of inputs) input.readBy(this)
  }
}

/** A captured call stack. */
export interface Site {
  readonly stack?: string
}

interface StackCapture {
  captureStackTrace?(target: object, above?: unknown): void
  stackTraceLimit?: number
}

/** Gradient rules and modules stand between the op and the user's line. */
const framesKept = 40

/** Remembers who called; the engine formats the text only when a message needs it. */
export function captureSite(above: unknown): Site {
  const capture = Error as unknown as StackCapture
  if (!capture.captureStackTrace) return { stack: new Error().stack ?? '' }
  const site: Site = {}
  const limit = capture.stackTraceLimit ?? 10
  capture.stackTraceLimit = framesKept
  capture.captureStackTrace(site, above)
  capture.stackTraceLimit = limit
  return site
}

/** What frames of the engine have in common: its folder, or the one file that a bundler made of it. */
const engine = import.meta.url
  .replace(/^file:\/\//, '')
  .replace(/[?#].*$/, '')
  .replace(/graph\/value\.[jt]s$/, '')

/** `train.ts:12:7`, the first frame of the site outside the engine; empty when unknown. */
export function formatSite(site: Site | null): string {
  const lines = (site?.stack ?? '').split('\n').filter((l) => /:\d+:\d+/.test(l))
  const outside = lines.find((l) => !l.includes(engine))
  const found = /([^/\\(\s]+:\d+:\d+)\)?\s*$/.exec(outside ?? '')
  return found?.[1] ?? ''
}
