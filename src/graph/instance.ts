import { OutOfMemoryError, WgradError } from '../errors.ts'
import type { Device } from '../gpu/device.ts'
import { type Block, formatBytes, sizeClass } from '../gpu/pool.ts'
import type { Plan, PlanStep } from './plan.ts'
import type { Place } from './tasks.ts'
import type { Storage } from './value.ts'
import type { Variable } from './variable.ts'

/** A copy before or after the compute pass. */
export interface Copy {
  readonly from: GPUBuffer
  readonly fromOffset: number
  readonly to: GPUBuffer
  readonly toOffset: number
  readonly bytes: number
}

/** Host numbers of one run, and where they go. */
export interface HostWrite {
  readonly to: GPUBuffer
  readonly numbers: ArrayBuffer
}

/** The buffers that a plan's places stand for in one run. */
export interface Bindings {
  readonly leaves: readonly (Storage | null)[]
  readonly variables: readonly Variable[]
  readonly outputs: readonly Storage[]
}

/** A plan on a device: its memory, its pipelines, its bind groups. */
export class Instance {
  readonly plan: Plan
  readonly device: Device
  /** True once every pipeline is compiled. */
  ready = false
  /** True once a run was put to WebGPU under an error scope. */
  private proven = false
  private blocks: Block[] | null = null
  private fixed: Block[] = []
  private host: Block | null = null
  private groups: GPUBindGroup[] = []
  /** Block and offset of every buffer from outside that the bind groups hold: numbers, which keep no storage alive. */
  private bound: Float64Array | null = null
  private pipelines: GPUComputePipeline[] = []
  /**
   * Three words for each dispatch, and its estimated time: side by side, since the encode loop finds every cache cold.
   */
  private readonly grids: Uint32Array
  private readonly costs: Float64Array
  private readonly totalCost: number
  /** Version of the device's table of variants with which the plan is known to agree. */
  private variantsVersion: number

  constructor(device: Device, plan: Plan) {
    this.device = device
    this.plan = plan
    this.variantsVersion = device.variants.version
    this.grids = Uint32Array.from(plan.steps.flatMap((s) => s.grid))
    this.costs = Float64Array.from(plan.steps, (s) => estimateMs(s, device.info.software))
    this.totalCost = this.costs.reduce((a, b) => a + b, 0)
  }

  /** False when pins say that other kernels should run. */
  get hasVariants(): boolean {
    const { variants } = this.device
    if (this.variantsVersion === variants.version) return true
    if (!variants.agrees(this.plan.choices)) return false
    this.variantsVersion = variants.version
    return true
  }

  /** Bytes of all buffers once this plan has its memory, with buffers of `more` sizes; destroys free ones where the budget asks for it. */
  bytesWith(more: readonly number[]): number {
    const { pool, scratch, memoryBudget } = this.device
    const { slots, fixed, hostBytes } = this.plan
    const own = this.blocks ? [] : [...scratch.missing(slots), ...fixed, ...(hostBytes > 0 ? [hostBytes] : [])]
    const after = (): number => pool.allocated + pool.wouldAdd([...own, ...more])
    if (after() > memoryBudget) pool.trim()
    return after()
  }

  /** Takes the plan's memory, or refuses naming its largest slots and takes nothing. */
  allocate(): void {
    if (this.blocks) return
    const { pool, scratch, memoryBudget, limits } = this.device
    const after = this.bytesWith([])
    const tooLarge = [...this.plan.slots, ...this.plan.fixed].find((b) => sizeClass(b) > limits.maxBufferSize)
    if (tooLarge !== undefined)
      throw this.refusal(
        `a buffer of ${formatBytes(tooLarge)}; this device's largest is ${formatBytes(limits.maxBufferSize)}`,
      )
    if (after > memoryBudget)
      throw this.refusal(`${formatBytes(after)} in all; the memory budget is ${formatBytes(memoryBudget)}`)
    const taken: Block[] = []
    const own = (bytes: number, label: string): Block => {
      const block = pool.acquire(bytes, label)
      taken.push(block)
      this.device.clear(block, 0, block.bytes)
      return block
    }
    const blocks = scratch.take(this.plan.slots, 'slot')
    try {
      this.fixed = this.plan.fixed.map((b) => own(b, 'gradients'))
      this.host = this.plan.hostBytes > 0 ? own(this.plan.hostBytes, 'host numbers') : null
    } catch (error) {
      scratch.release(blocks)
      for (const block of taken) pool.release(block)
      throw error
    }
    this.blocks = blocks
  }

  /** Gives the memory back. */
  release(): void {
    if (!this.blocks) return
    this.device.scratch.release(this.blocks)
    for (const block of this.fixed) this.device.pool.release(block)
    if (this.host) this.device.pool.release(this.host)
    this.blocks = null
    this.fixed = []
    this.host = null
    this.bound = null
  }

  refusal(what: string): OutOfMemoryError {
    const largest = this.plan.slots
      .map((bytes, i) => ({ bytes, name: this.plan.slotNames[i] || 'workspace' }))
      .sort((a, b) => b.bytes - a.bytes)
      .slice(0, 3)
      .map((s) => `${s.name} (${formatBytes(s.bytes)})`)
    return new OutOfMemoryError(
      `prepare: the step needs ${what}; its largest buffers are ${largest.join(', ')}; use a smaller batch`,
    )
  }

  /** Compiles every pipeline side by side. */
  async compile(onProgress?: (done: number, total: number) => void): Promise<void> {
    if (this.ready) return
    let done = 0
    const { steps } = this.plan
    const made = steps.map(async (s) => {
      const pipeline = await this.device.pipelines.compile(s.program).catch((error: unknown) => {
        throw new WgradError(`${s.label}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
      })
      onProgress?.(++done, steps.length)
      return pipeline
    })
    this.pipelines = await Promise.all(made)
    this.ready = true
  }

  /** The bind groups for these buffers; made again only when a buffer is another one than at the last run. */
  bind(bindings: Bindings): readonly GPUBindGroup[] {
    this.allocate()
    if (!this.isBound(bindings)) {
      const { leaves, variables, outputs } = bindings
      this.bound = Float64Array.from([...leaves, ...variables.map((v) => v.storage), ...outputs].flatMap(rangeOf))
      this.groups = this.plan.steps.map((step) => this.bindStep(step, bindings))
    }
    return this.groups
  }

  /** True when the bind groups are those of these buffers. Runs every step, so it makes no objects. */
  private isBound({ leaves, variables, outputs }: Bindings): boolean {
    const { bound } = this
    if (bound?.length !== 2 * (leaves.length + variables.length + outputs.length)) return false
    let at = 0
    const same = (s: Storage | null | undefined): boolean => {
      const found = bound[at] === (s ? s.block.id : 0) && bound[at + 1] === (s ? s.offset : 0)
      at += 2
      return found
    }
    for (const s of leaves) if (!same(s)) return false
    for (const v of variables) if (!same(v.storage)) return false
    for (const s of outputs) if (!same(s)) return false
    return true
  }

  /**
   * Numbers for a run with the bind groups of now: a run that waits in line writes them where those look, whatever was
   * released since.
   */
  hostWrite(numbers: ArrayBuffer): HostWrite {
    return { to: (this.host as Block).buffer, numbers }
  }

  /** The buffer range of a place. */
  locate(place: Place, bindings: Bindings): { buffer: GPUBuffer; offset: number } {
    const { index, offset } = place
    if (place.space === 'slot') return { buffer: this.slot(index).buffer, offset }
    if (place.space === 'fixed') return { buffer: (this.fixed[index] as Block).buffer, offset }
    if (place.space === 'host') return { buffer: (this.host as Block).buffer, offset }
    const storage =
      place.space === 'variable'
        ? bindings.variables[index]?.storage
        : place.space === 'leaf'
          ? bindings.leaves[index]
          : bindings.outputs[index]
    if (!storage) throw new WgradError(`plan: nothing is bound to ${place.space} ${index}`)
    return { buffer: storage.block.buffer, offset: storage.offset + offset }
  }

  /**
   * Encodes and submits one run: host numbers, copies in, every dispatch in one pass, copies out. Cut into several
   * submits only where the estimated GPU time passes the device's budget. Every pipeline must be compiled.
   */
  run(groups: readonly GPUBindGroup[], host: HostWrite | null, before: readonly Copy[], after: readonly Copy[]): void {
    const work = (): void => this.encode(groups, host, before, after)
    if (this.proven) work()
    else {
      this.proven = true
      this.device.watch(work, () => this.faultyStep(groups))
    }
  }

  /** The label of the first dispatch that WebGPU does not take. */
  private async faultyStep(groups: readonly GPUBindGroup[]): Promise<string | null> {
    const { handle } = this.device
    for (const [i, step] of this.plan.steps.entries()) {
      handle.pushErrorScope('validation')
      const encoder = handle.createCommandEncoder()
      const pass = encoder.beginComputePass()
      pass.setPipeline(this.pipelines[i] as GPUComputePipeline)
      pass.setBindGroup(0, groups[i] as GPUBindGroup)
      pass.dispatchWorkgroups(...step.grid)
      pass.end()
      encoder.finish()
      if (await handle.popErrorScope()) return step.label
    }
    return null
  }

  private encode(
    groups: readonly GPUBindGroup[],
    host: HostWrite | null,
    before: readonly Copy[],
    after: readonly Copy[],
  ): void {
    const { handle, queue, submitBudgetMs } = this.device
    if (host) handle.queue.writeBuffer(host.to, 0, host.numbers)
    const { pipelines, costs, grids } = this
    const budget = Math.max(submitBudgetMs, (this.totalCost * queue.scale) / 1000) / queue.scale
    let encoder = handle.createCommandEncoder()
    for (const c of before) encoder.copyBufferToBuffer(c.from, c.fromOffset, c.to, c.toOffset, c.bytes)
    let pass = encoder.beginComputePass()
    let current: GPUComputePipeline | null = null
    let cost = 0
    for (let i = 0; i < costs.length; i++) {
      const next = costs[i] as number
      if (cost > 0 && cost + next > budget) {
        pass.end()
        queue.submit([encoder.finish()], cost)
        encoder = handle.createCommandEncoder()
        pass = encoder.beginComputePass()
        current = null
        cost = 0
      }
      cost += next
      const pipeline = pipelines[i] as GPUComputePipeline
      if (pipeline !== current) {
        pass.setPipeline(pipeline)
        current = pipeline
      }
      pass.setBindGroup(0, groups[i] as GPUBindGroup)
      pass.dispatchWorkgroups(grids[3 * i] as number, grids[3 * i + 1] as number, grids[3 * i + 2] as number)
    }
    pass.end()
    for (const c of after) encoder.copyBufferToBuffer(c.from, c.fromOffset, c.to, c.toOffset, c.bytes)
    queue.submit([encoder.finish()], cost)
  }

  /** Puts inputs and host numbers in place without running anything. */
  stage(host: HostWrite | null, before: readonly Copy[]): void {
    const { handle, queue } = this.device
    if (host) handle.queue.writeBuffer(host.to, 0, host.numbers)
    if (before.length === 0) return
    const encoder = handle.createCommandEncoder()
    for (const c of before) encoder.copyBufferToBuffer(c.from, c.fromOffset, c.to, c.toOffset, c.bytes)
    queue.submit([encoder.finish()], 0)
  }

  /** Submits that a run takes as estimated now. */
  submits(): number {
    const total = this.totalCost * this.device.queue.scale
    return total <= this.device.submitBudgetMs ? 1 : Math.ceil(total / this.device.submitBudgetMs) + 1
  }

  get cost(): number {
    return this.totalCost
  }

  /** Compiled pipelines, in the order of the steps; for the profiler. */
  compiled(): readonly GPUComputePipeline[] {
    return this.pipelines
  }

  private slot(index: number): Block {
    const block = this.blocks?.[index]
    if (!block) throw new WgradError(`plan: slot ${index} has no memory; allocate first`)
    return block
  }

  private bindStep(step: PlanStep, bindings: Bindings): GPUBindGroup {
    const { pipelines, handle, guard } = this.device
    return handle.createBindGroup({
      label: step.label,
      layout: pipelines.layout(step.program),
      entries: step.bindings.map(({ place, bytes }, binding) => {
        const { buffer, offset } = this.locate(place, bindings)
        const whole = guard && offset === 0
        return { binding, resource: whole ? { buffer } : { buffer, offset, size: Math.ceil(bytes / 4) * 4 } }
      }),
    })
  }
}

function rangeOf(s: Storage | null): [number, number] {
  return s ? [s.block.id, s.offset] : [0, 0]
}

/** A rough GPU time, corrected by the queue's measurements. */
function estimateMs(step: PlanStep, software: boolean): number {
  const slowdown = software ? 1000 : 1
  return 0.004 + (step.flops / 2e9 + step.bytes / 2e8) * slowdown
}
