import { DeviceLostError, OutOfMemoryError } from '../errors.ts'
import type { Device } from '../gpu/device.ts'
import { type Choice, workOf } from './choose.ts'
import { type KernelCall, traitsOf } from './op.ts'
import { Bench } from './tuner-bench.ts'
import { faultsOf } from './tuner-check.ts'
import { type Clock, openClock } from './tuner-clock.ts'
import { memoryKey } from './tuner-key.ts'
import { type Answer, TuningMemory } from './tuner-memory.ts'
import { race, winnerOf } from './tuner-race.ts'

/** How kernels are measured. */
export interface TuneOptions {
  /** After so long nothing more is begun. */
  readonly budgetMs: number
  readonly signal?: AbortSignal | undefined
  /** Told how many pieces of work are done. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/** A piece of work to measure. */
interface Task {
  readonly work: string
  readonly choice: Choice
  /** What the kernels dispatch, by name, the default first. */
  readonly variants: ReadonlyMap<string, readonly KernelCall[]>
  /** Kernels whose dispatches cannot be written. */
  readonly struck: Readonly<Record<string, string>>
  readonly key: string
}

/** Kernels compiled side by side; more would outlast the budget. */
const compiledAtOnce = 4

const running = new WeakMap<Device, Promise<void>>()

/**
 * Finds the fastest kernel for each piece of work that has several, by what is remembered, or else by measuring: each kernel runs
 * over the same random inputs, its result is compared with those of the others, and those that are right are timed against each
 * other. The answers go into the device's table. One at a time for each device.
 */
export async function tune(device: Device, choices: ReadonlyMap<string, Choice>, options: TuneOptions): Promise<void> {
  const before = running.get(device)
  const mine = (async () => {
    await before
    await tuneAlone(device, choices, options)
  })()
  running.set(
    device,
    mine.catch(() => {}),
  )
  return mine
}

async function tuneAlone(
  device: Device,
  choices: ReadonlyMap<string, Choice>,
  { budgetMs, signal, onProgress }: TuneOptions,
): Promise<void> {
  const end = performance.now() + budgetMs
  signal?.throwIfAborted()
  const tasks = [...choices]
    .filter(([work]) => !device.variants.settled(work))
    .map(([, choice]) => taskOf(device, choice))
  const open = tasks.filter((t) => t.variants.size > 1).sort((a, b) => costOf(b.choice) - costOf(a.choice))
  const { variants } = device
  const note = (text: string): void => {
    if (!variants.notes.includes(text)) variants.notes.push(text)
  }
  const memory = await TuningMemory.open(await variants.store(), note)
  const left: Task[] = []
  for (const task of open) {
    const answer = memory.get(task.key)
    if (answer && task.variants.has(answer.taken)) variants.keep({ work: task.work, ...answer, remembered: true })
    else left.push(task)
  }
  let done = choices.size - left.length
  onProgress?.(done, choices.size)
  if (left.length === 0 || budgetMs === 0) return
  await device.idle()
  const expired = (): boolean => {
    signal?.throwIfAborted()
    return performance.now() >= end
  }
  const tuner = new Tuner(device, memory, expired)
  try {
    for (const task of left) {
      await tuner.measure(task)
      onProgress?.(++done, choices.size)
    }
  } finally {
    await tuner.close()
  }
}

function taskOf(device: Device, choice: Choice): Task {
  const { op, attrs, inputs, outputs } = choice
  const variants = new Map<string, readonly KernelCall[]>()
  const struck: Record<string, string> = {}
  const offered = op.variants?.({ inputs, outputs, attrs: attrs as never, device: traitsOf(device) }) ?? []
  for (const variant of offered) {
    try {
      variants.set(variant.name, variant.calls())
    } catch (error) {
      struck[variant.name] = messageOf(error)
    }
  }
  return { work: workOf(choice), choice, variants, struck, key: memoryKey(device.info, choice, variants) }
}

/** Floating-point operations and bytes: what is worth the most time comes first. */
function costOf({ op, inputs, outputs, attrs }: Choice): number {
  const { flops, bytes } = op.cost(inputs, outputs, attrs as never)
  return flops + 4 * bytes
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Measures one piece of work after the other. */
class Tuner {
  private readonly device: Device
  private readonly memory: TuningMemory
  /** Throws where the tuning is called off. */
  private readonly expired: () => boolean
  private clock: Clock | null = null

  constructor(device: Device, memory: TuningMemory, expired: () => boolean) {
    this.device = device
    this.memory = memory
    this.expired = expired
  }

  /** Measures a piece of work and keeps the answer; leaves the default where time or memory run out. */
  async measure(task: Task): Promise<void> {
    if (this.expired()) return
    const answer = await this.answer(task)
    if (!answer) return
    this.device.variants.keep({ work: task.work, ...answer, remembered: false })
    await this.memory.keep(task.key, answer)
  }

  /** Gives back what measuring took; the pool keeps nothing of it. */
  async close(): Promise<void> {
    this.clock?.close()
    this.device.pool.trim()
    await this.memory.close()
    if (this.device.usable) await this.device.queue.idle()
  }

  private async answer(task: Task): Promise<Answer | null> {
    const { device } = this
    let bench: Bench
    try {
      bench = await Bench.open(device, task.choice)
    } catch (error) {
      if (error instanceof OutOfMemoryError) return null
      throw error
    }
    let taken: string | null = null
    try {
      const struck = await this.tryAll(task, bench)
      if (!struck) return null
      const sound = [...task.variants.keys()].filter((name) => !(name in struck))
      if (sound.length === 0) return null
      this.clock ??= await openClock(device)
      const clock = this.clock
      const time = async (name: string, runs: number): Promise<number> => {
        return this.watched(task, name, () => clock.time((pass) => bench.encode(pass, name, runs)))
      }
      const times = await race(sound, time, { batchMs: clock.batchMs, expired: this.expired })
      if (!times) return null
      taken = winnerOf(times, sound[0] as string)
      const microseconds = Object.fromEntries([...times].map(([name, [ms]]) => [name, 1000 * (ms as number)]))
      return { taken, microseconds, struck }
    } finally {
      bench.close(taken)
    }
  }

  /** Compiles and runs every kernel once and compares the results; null where time or memory run out. */
  private async tryAll(task: Task, bench: Bench): Promise<Record<string, string> | null> {
    const { device } = this
    const struck: Record<string, string> = { ...task.struck }
    const results = new Map<string, Awaited<ReturnType<Bench['tryOut']>>>()
    const names = [...task.variants.keys()].filter((name) => {
      const isDeadly = this.memory.isDeadly(task.key, name)
      if (isDeadly) struck[name] = 'the device, the page or the process went away while it ran'
      return !isDeadly
    })
    while (names.length > 0) {
      if (this.expired()) return null
      const next = names.splice(0, compiledAtOnce)
      const prepared = await Promise.allSettled(next.map((name) => bench.prepare(name)))
      for (const [i, outcome] of prepared.entries()) {
        const name = next[i] as string
        try {
          if (outcome.status === 'rejected') throw outcome.reason
          await this.memory.beginTrial(task.key, name)
          results.set(name, await this.watched(task, name, () => bench.tryOut(name)))
        } catch (error) {
          if (error instanceof OutOfMemoryError) return null
          if (!device.usable) throw error
          struck[name] = messageOf(error)
        }
        if (this.expired()) return null
      }
    }
    for (const [name, why] of faultsOf(results, task.choice)) struck[name] = why
    return struck
  }

  /** Runs a kernel; throws where the device goes away under it, and it is then not tried again. */
  private async watched<T>(task: Task, name: string, run: () => Promise<T>): Promise<T> {
    const { device } = this
    let result: T | undefined
    let failure: unknown = null
    try {
      result = await run()
    } catch (error) {
      failure = error
      // The loss is told a little after the failure that it causes.
      if (device.usable) await new Promise((resolve) => setTimeout(resolve, 10))
    }
    if (device.usable) {
      if (failure !== null) throw failure
      return result as T
    }
    const { reason, message } = await device.handle.lost
    if (reason === 'destroyed') throw new DeviceLostError('tune: the device was closed; open a new device')
    await this.memory.endTrial(task.key, name)
    throw new DeviceLostError(
      `tune: the device was lost (${message}) while ${name} did ${task.work}; open a new device: the kernel will not be tried again`,
    )
  }
}
