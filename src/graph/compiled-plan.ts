import { fail, StaleOutputError, WgradError } from '../errors.ts'
import type { Device } from '../gpu/device.ts'
import { formatBytes } from '../gpu/pool.ts'
import { numel, sameShape } from '../shape.ts'
import type { Choice } from './choose.ts'
import type { CompileOptions, StepCost, StepOutputs } from './compile.ts'
import { type Copy, Instance } from './instance.ts'
import { dataOp, hostBytes, inputOp, padded, storedLeaf, uploaded } from './leaf.ts'
import { buildPlan, variablesOf } from './plan.ts'
import { leavesOf } from './program.ts'
import { beforeWrite, hostNumbers, initialize, neededVariables, realize } from './realize.ts'
import { firstDifference } from './signature.ts'
import { Tensor } from './tensor.ts'
import { type Traced, type TracedFunction, traceFunction } from './traced.ts'
import { type Spec, Storage, specBytes, type Value } from './value.ts'
import { preserve, type Variable } from './variable.ts'

/** Ways to place and order the same work, for tests. */
export interface PlanDebug {
  readonly reuse?: boolean
  readonly order?: number | undefined
  readonly poison?: boolean
}

/** An output's places in the ring, and the last handles given out for each. */
interface OutputRing {
  readonly storages: readonly Storage[]
  readonly last: (Value | null)[]
}

/** The stamp of a ring's place that was given back. */
const released = -1

/** Plans of functions that nobody holds any more give their memory back. */
const reclaimed = new FinalizationRegistry<Instance>((instance) => instance.release())

/** One traced form of a compiled function, with its plan, memory and outputs. */
export class CompiledPlan {
  readonly device: Device
  private readonly fn: TracedFunction
  private readonly specs: readonly Spec[]
  private readonly options: CompileOptions
  private readonly traced: Traced
  private readonly instance: Instance
  private readonly leaves: readonly Value[]
  private readonly variables: readonly Variable[]
  /** The arenas of the variables when the plan was made: what may be bound together depends on them. */
  private readonly arenas: readonly (Variable | null)[]
  private readonly needed: readonly Variable[]
  private readonly ringDepth: number
  private rings: readonly OutputRing[] | null = null
  private inputStorages: readonly Storage[] | null = null
  private steps = 0

  constructor(device: Device, fn: TracedFunction, specs: readonly Spec[], options: CompileOptions) {
    device.assertUsable('compile')
    this.device = device
    this.fn = fn
    this.specs = specs.map(({ shape, dtype }) => ({ shape, dtype }))
    this.options = options
    this.ringDepth = options.ring ?? 8
    if (!Number.isInteger(this.ringDepth) || this.ringDepth < 1)
      fail('compile', `ring is ${options.ring}`, 'it must be a whole number of at least 1')
    const { storage = 'f32' } = options
    if (storage !== 'f32' && storage !== 'f16')
      fail('compile', `storage is ${String(storage)}`, "it must be 'f32' or 'f16'")
    if (storage === 'f16' && !device.info.features.includes('shader-f16'))
      fail(
        'compile',
        "storage is 'f16' on a device without shader-f16",
        "use 'f32', or an adapter that has the feature",
      )
    this.traced = traceFunction(this.device, this.fn, this.specs)
    const { program } = this.traced
    this.leaves = leavesOf(program)
    this.variables = variablesOf(program)
    this.arenas = this.variables.map((v) => v.arena)
    this.needed = neededVariables(program, this.leaves)
    const { reuse = true, order, poison = false } = options.debug ?? {}
    this.instance = new Instance(
      device,
      buildPlan(program, { reuse, poison, outputs: 'slots', storage, ...(order === undefined ? {} : { order }) }),
    )
  }

  /** The work for which there is a choice of kernels. */
  get choices(): ReadonlyMap<string, Choice> {
    return this.instance.plan.choices
  }

  /** False when other kernels should run than those of this plan. */
  get hasVariants(): boolean {
    return this.instance.hasVariants
  }

  /** True once the plan has run or was prepared. */
  get hasMemory(): boolean {
    return this.rings !== null
  }

  /** True when this plan is the one for these arguments and for what the guards say now. */
  matches(device: Device, specs: readonly Spec[]): boolean {
    if (device !== this.device || specs.length !== this.specs.length) return false
    for (let i = 0; i < specs.length; i++) {
      const a = specs[i] as Spec
      const b = this.specs[i] as Spec
      if (a.dtype !== b.dtype || !sameShape(a.shape, b.shape)) return false
    }
    for (let i = 0; i < this.variables.length; i++) {
      if ((this.variables[i] as Variable).arena !== this.arenas[i]) return false
    }
    for (const g of this.traced.trace.guards) if (!Object.is(g.get(), g.value)) return false
    return this.hasVariants
  }

  /** Memory and pipelines for the steps to come. */
  async prepare(onProgress?: (done: number, total: number) => void): Promise<StepCost> {
    this.device.assertUsable('prepare')
    this.checkBudget()
    this.device.handle.pushErrorScope('out-of-memory')
    let failure: unknown = null
    try {
      this.allocate()
    } catch (error) {
      failure = error
    }
    const scope = await this.device.handle.popErrorScope()
    if (failure || scope) {
      this.release()
      this.device.pool.trim()
      throw failure ?? this.instance.refusal('more memory than the device has')
    }
    await this.instance.compile(onProgress)
    return this.cost()
  }

  /** What a step costs. */
  cost(): StepCost {
    const { steps, flops } = this.instance.plan
    return {
      peakBytes: this.device.bytes,
      dispatches: steps.length,
      submits: this.instance.submits(),
      flops,
      pipelines: new Set(steps.map((s) => s.program.source)).size,
    }
  }

  /** Queues one step and answers handles of its outputs. */
  call(args: readonly Tensor[]): StepOutputs {
    this.device.assertUsable('step')
    const { verify = 0 } = this.options
    if (verify > 0 && this.steps > 0 && this.steps % verify === 0) this.verify()
    const job = this.begin(args)
    if (!this.instance.ready) this.device.queue.enqueue({ cost: 0, run: () => this.instance.compile() })
    this.device.queue.enqueue({ cost: this.instance.cost, run: job.run })
    return this.traced.shape(job.outputs)
  }

  /** Runs one step under `profiler` instead of the queue's one pass. */
  async profile<P>(
    args: readonly Tensor[],
    profiler: (instance: Instance, groups: readonly GPUBindGroup[], prepare: () => void) => Promise<P>,
  ): Promise<P> {
    this.device.assertUsable('profile')
    await this.instance.compile()
    await this.device.idle()
    const job = this.begin(args)
    return profiler(this.instance, job.groups, job.before)
  }

  release(): void {
    reclaimed.unregister(this)
    this.instance.release()
    for (const ring of this.rings ?? []) {
      for (const value of ring.last) if (value && !preserve(value)) value.overwritten = true
      for (const storage of ring.storages) {
        storage.stamp = released
        storage.release()
      }
    }
    for (const storage of this.inputStorages ?? []) storage.release()
    this.rings = null
    this.inputStorages = null
  }

  /** Everything that must be settled at the time of the call, and the job that encodes it, now or later. */
  private begin(args: readonly Tensor[]): {
    run: () => void
    before: () => void
    groups: readonly GPUBindGroup[]
    outputs: Tensor[]
  } {
    const { device, instance } = this
    this.allocate()
    initialize(this.needed)
    const uploads: { to: Storage; bytes: ArrayBuffer }[] = []
    const before: Copy[] = []
    args.forEach((arg, i) => {
      this.feed(arg, (this.inputStorages as readonly Storage[])[i] as Storage, uploads, before)
    })
    for (const i of instance.plan.writes) beforeWrite(this.variables[i] as Variable)
    const bindings = { leaves: this.leaves.map((v) => this.leafStorage(v)), variables: this.variables, outputs: [] }
    const groups = instance.bind(bindings)
    const numbers = hostNumbers(instance, this.leaves, (h) => h.now())
    const at = this.steps % this.ringDepth
    const after: Copy[] = []
    const outputs = instance.plan.outputs.map((o, i) => {
      const ring = (this.rings as readonly OutputRing[])[i] as OutputRing
      const storage = ring.storages[at] as Storage
      const { buffer, offset } = instance.locate(o.place, bindings)
      const bytes = specBytes(o.spec)
      if (bytes > 0)
        after.push({ from: buffer, fromOffset: offset, to: storage.block.buffer, toOffset: storage.offset, bytes })
      return this.handle(ring, at, o.spec)
    })
    for (const hook of this.traced.trace.hooks) hook()
    this.steps++
    const write = (): void => {
      for (const u of uploads) device.handle.queue.writeBuffer(u.to.block.buffer, u.to.offset, u.bytes)
    }
    return {
      groups,
      outputs,
      run: () => {
        write()
        instance.run(groups, numbers, before, after)
      },
      before: () => {
        write()
        instance.stage(numbers, before)
      },
    }
  }

  /** Brings an argument into the plan's own buffer. */
  private feed(arg: Tensor, to: Storage, uploads: { to: Storage; bytes: ArrayBuffer }[], before: Copy[]): void {
    const why = arg.stale?.()
    if (why) throw new StaleOutputError(why)
    const { value } = arg
    if (numel(value.shape) === 0) return
    const bytes = hostBytes(value)
    if (bytes) {
      uploads.push({ to, bytes: padded(bytes) })
      return
    }
    realize([value])
    const from = value.storage as Storage
    before.push({
      from: from.block.buffer,
      fromOffset: from.offset,
      to: to.block.buffer,
      toOffset: to.offset,
      bytes: specBytes(value),
    })
  }

  private handle(ring: OutputRing, at: number, spec: Spec): Tensor {
    const storage = ring.storages[at] as Storage
    const old = ring.last[at]
    if (old && !preserve(old)) old.overwritten = true
    const value = storedLeaf(this.device, spec, storage)
    value.pending = []
    ring.last[at] = value
    const stamp = ++storage.stamp
    const tensor = new Tensor(value)
    const step = this.steps
    tensor.stale = () => {
      if (storage.stamp === stamp) return null
      if (storage.stamp === released)
        return `read: this is an output of step ${step} of a function that was released; read outputs before release()`
      return `read: this is an output of step ${step}, which step ${step + this.ringDepth} has overwritten; outputs stay readable for ${this.ringDepth} steps: read sooner or compile(fn, { ring: ${2 * this.ringDepth} })`
    }
    return tensor
  }

  private leafStorage(value: Value): Storage | null {
    if (value.node.op === inputOp)
      return (this.inputStorages as readonly Storage[])[value.node.payload as number] as Storage
    if (value.node.op === dataOp) return uploaded(value)
    return value.storage
  }

  private allocate(): void {
    if (this.rings) return
    this.checkBudget()
    this.instance.allocate()
    reclaimed.register(this, this.instance, this)
    const make = (s: Spec, label: string): Storage => Storage.allocate(this.device, Math.max(4, specBytes(s)), label)
    this.inputStorages = this.specs.map((s, i) => make(s, `argument ${i}`))
    this.rings = this.instance.plan.outputs.map((o, i) => {
      const storages = Array.from({ length: this.ringDepth }, () => make(o.spec, `output ${i}`))
      return { storages, last: storages.map(() => null) }
    })
    initialize(this.needed)
    for (const v of this.variables) void v.storage
    for (const v of this.leaves) this.leafStorage(v)
  }

  /** Refuses a step that would pass the memory budget, before anything is taken. */
  private checkBudget(): void {
    if (this.rings) return
    const { memoryBudget } = this.device
    const own = [
      ...this.specs.map(specBytes),
      ...this.instance.plan.outputs.flatMap((o) => Array.from({ length: this.ringDepth }, () => specBytes(o.spec))),
    ]
    for (const v of this.leaves) if (v.node.op === dataOp && !v.storage) own.push(specBytes(v))
    const arenas = new Set(this.variables.filter((v) => !v.placed).map((v) => v.arena ?? v))
    for (const v of arenas) if (!v.placed) own.push(specBytes(v))
    const after = this.instance.bytesWith(own)
    if (after > memoryBudget)
      throw this.instance.refusal(`${formatBytes(after)} in all; the memory budget is ${formatBytes(memoryBudget)}`)
  }

  private verify(): void {
    const again = traceFunction(this.device, this.fn, this.specs)
    const found = firstDifference(this.traced, again)
    if (found) {
      throw new WgradError(
        `compile: traced again at step ${this.steps}, the function differs: ${found}; pass what changes as an argument, or keep it out of the function`,
      )
    }
  }
}
