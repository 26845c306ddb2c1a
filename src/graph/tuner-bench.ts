import { decode, elementBytes, type TypedArray } from '../dtype.ts'
import { OutOfMemoryError, WgradError } from '../errors.ts'
import type { Device } from '../gpu/device.ts'
import type { Program } from '../gpu/pipelines.ts'
import { numel } from '../shape.ts'
import type { Choice } from './choose.ts'
import { Instance } from './instance.ts'
import { storedLeaf } from './leaf.ts'
import { buildPlan } from './plan.ts'
import { leavesOf } from './program.ts'
import { fillRandom } from './tuner-inputs.ts'
import { Node, type Spec, Storage, specBytes } from './value.ts'

/** Elements of an output that are compared, from places spread over all of it, the first and the last among them. */
const comparedElements = 2 ** 20
const comparedPlaces = 16

/** One kernel, or row of kernels, bound and compiled. */
interface Contestant {
  readonly instance: Instance
  readonly groups: readonly GPUBindGroup[]
  /** Programs that were not compiled before. */
  readonly fresh: readonly Program[]
}

/** A piece of work by itself: random inputs, places for outputs, and the kernels that can do it. */
export class Bench {
  private readonly device: Device
  private readonly choice: Choice
  private readonly inputs: Storage[] = []
  private readonly outputs: Storage[] = []
  private readonly contestants = new Map<string, Contestant>()

  private constructor(device: Device, choice: Choice) {
    this.device = device
    this.choice = choice
  }

  /** Takes memory for the work and fills its inputs; throws an OutOfMemoryError, everything given back, where there is none. */
  static async open(device: Device, choice: Choice): Promise<Bench> {
    const bench = new Bench(device, choice)
    const take = (spec: Spec): Storage => Storage.allocate(device, Math.max(4, specBytes(spec)), 'tune')
    try {
      await guarded(device, () => {
        for (const spec of choice.inputs) bench.inputs.push(take(spec))
        for (const spec of choice.outputs) bench.outputs.push(take(spec))
      })
    } catch (error) {
      bench.close()
      throw error
    }
    for (const [i, spec] of choice.inputs.entries()) await fillRandom(device, spec, bench.inputs[i] as Storage, i + 1)
    return bench
  }

  /** Builds and compiles a kernel; throws what keeps it from running. */
  async prepare(name: string): Promise<void> {
    const { device, choice } = this
    const leaves = choice.inputs.map((spec, i) => storedLeaf(device, spec, this.inputs[i] as Storage))
    const node = new Node(device, choice.op, choice.attrs, leaves, choice.outputs, null)
    const program = { device, outputs: node.outputs, effects: [], nodes: [node] }
    const chooser = { choose: () => name }
    const plan = buildPlan(program, { reuse: true, poison: false, outputs: 'direct', chooser })
    const fresh = plan.steps.map((s) => s.program).filter((p) => !device.pipelines.get(p))
    const instance = new Instance(device, plan)
    this.contestants.set(name, { instance, groups: [], fresh })
    await instance.compile()
    const bindings = { leaves: leavesOf(program).map((leaf) => leaf.storage), variables: [], outputs: this.outputs }
    const groups = await guarded(device, () => instance.bind(bindings))
    this.contestants.set(name, { instance, groups, fresh })
  }

  /** Encodes `runs` runs of a kernel. */
  encode(pass: GPUComputePassEncoder, name: string, runs: number): void {
    const { instance, groups } = this.contestants.get(name) as Contestant
    const pipelines = instance.compiled()
    for (let run = 0; run < runs; run++) {
      instance.plan.steps.forEach(({ grid }, i) => {
        pass.setPipeline(pipelines[i] as GPUComputePipeline)
        pass.setBindGroup(0, groups[i] as GPUBindGroup)
        pass.dispatchWorkgroups(grid[0], grid[1], grid[2])
      })
    }
  }

  /** Runs a kernel once over cleared outputs and reads a sample of each; throws what WebGPU has against it. */
  async tryOut(name: string): Promise<TypedArray[]> {
    const { handle, queue } = this.device
    const samples = this.choice.outputs.map((spec) => placesIn(numel(spec.shape), elementBytes(spec.dtype)))
    const sizes = samples.map((places) => places.reduce((sum, p) => sum + p.bytes, 0))
    const size = Math.max(
      4,
      sizes.reduce((a, b) => a + b, 0),
    )
    const staging = handle.createBuffer({
      label: 'tune',
      size,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    })
    try {
      await guarded(this.device, () => {
        const encoder = handle.createCommandEncoder({ label: 'tune' })
        for (const { block, offset, bytes } of this.outputs) encoder.clearBuffer(block.buffer, offset, bytes)
        const pass = encoder.beginComputePass()
        this.encode(pass, name, 1)
        pass.end()
        let at = 0
        samples.forEach((places, i) => {
          const { block, offset } = this.outputs[i] as Storage
          for (const p of places) {
            encoder.copyBufferToBuffer(block.buffer, offset + p.from, staging, at, p.bytes)
            at += p.bytes
          }
        })
        queue.submit([encoder.finish()], 0)
      })
      await staging.mapAsync(GPUMapMode.READ)
      const all = staging.getMappedRange().slice(0)
      let from = 0
      return this.choice.outputs.map(({ shape, dtype }, i) => {
        const bytes = all.slice(from, from + (sizes[i] as number))
        from += sizes[i] as number
        return decode(bytes, dtype, Math.min(numel(shape), bytes.byteLength / elementBytes(dtype)))
      })
    } finally {
      staging.destroy()
    }
  }

  /** Gives everything back; only the pipelines of `keep` stay compiled, and those that were before. */
  close(keep: string | null = null): void {
    for (const [name, { instance, fresh }] of this.contestants) {
      instance.release()
      if (name !== keep) for (const program of fresh) this.device.pipelines.forget(program)
    }
    this.contestants.clear()
    for (const storage of [...this.inputs.splice(0), ...this.outputs.splice(0)]) storage.release()
  }
}

/**
 * Does `work` and throws what WebGPU has against it. Resolves when nothing stands in line any more: blocks that were taken may
 * have been given back by work that has not run yet, and the tuner writes to them past the line.
 */
async function guarded<T>(device: Device, work: () => T): Promise<T> {
  const { handle, queue } = device
  handle.pushErrorScope('out-of-memory')
  handle.pushErrorScope('validation')
  let result: T
  let scopes: readonly Promise<GPUError | null>[] = []
  try {
    result = work()
  } finally {
    scopes = [handle.popErrorScope(), handle.popErrorScope()]
  }
  const [invalid, memory] = await Promise.all(scopes)
  if (invalid) throw new WgradError(`WebGPU reported: ${invalid.message}`)
  if (memory) throw new OutOfMemoryError(`tune: ${memory.message}`)
  await queue.idle()
  return result
}

/** Ranges of whole words of an output that are compared. */
function placesIn(elements: number, each: number): { readonly from: number; readonly bytes: number }[] {
  const words = Math.ceil((elements * each) / 4)
  if (elements <= comparedElements) return words > 0 ? [{ from: 0, bytes: 4 * words }] : []
  const length = Math.floor((comparedElements * each) / 4 / comparedPlaces)
  return Array.from({ length: comparedPlaces }, (_, i) => ({
    from: 4 * Math.floor(((words - length) * i) / (comparedPlaces - 1)),
    bytes: 4 * length,
  }))
}
