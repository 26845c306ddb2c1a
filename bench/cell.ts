import { openers } from './contestants/index.ts'
import { Counters, type Counts, type Encoding } from './counters.ts'
import { type Glance, RoofGauge } from './roof/gauge.ts'
import type { Roof } from './run/results.ts'
import { type Sampled, sample } from './sample.ts'
import { type Contestant, NotOffered, type Running, type Task } from './workload.ts'

/** A contestant that is open. */
export interface OpenedCell {
  /** The adapter in words. */
  readonly adapter: string
  /** A CPU pretends to be the GPU. */
  readonly software: boolean
  /** Milliseconds from before the import to an open device. */
  readonly ms: number
}

/** What a task that was set up gave. */
export interface Prepared {
  /** Why the engine has no such thing, or null. */
  readonly lacks: string | null
  /** Results to compare with the reference: of one run, or the losses of the checked steps and the parameters after them. */
  readonly results: Readonly<Record<string, Sampled>>
  /** From the setting up to the end of the first run, in milliseconds. */
  readonly firstMs: number
}

/** What runs take of WebGPU, and of JavaScript's time. */
export interface Usage {
  readonly runs: number
  /** Calls of WebGPU in one run. */
  readonly perRun: Counts
  /** JavaScript between the beginning and the end of the passes of one run, in milliseconds. */
  readonly loopMs: number
  /** JavaScript for the encoders and submits of one run, without the loop, in milliseconds. */
  readonly aroundMs: number
  /** How long all runs took. */
  readonly seconds: number
  /** Bytes of GPU buffers now. */
  readonly bytes: number
}

/** Times of every dispatch of a run, over several runs. */
export interface KernelTimes {
  readonly dispatches: readonly { readonly name: string; readonly flops: number; readonly bytes: number }[]
  /** For each run, milliseconds of each dispatch. */
  readonly steps: readonly (readonly number[])[]
}

/** How long kernels are watched: no run begins after `ms`. */
export interface KernelLimits {
  readonly runs: number
  readonly ms: number
}

/** What a program asks of a contestant's page or process; arguments and answers are JSON. */
export interface CellCalls {
  /** With `count`, what WebGPU is asked for is counted from here on. */
  open(contestant: string, options?: { count?: boolean } | null): Promise<OpenedCell>
  prepare(task: Task): Promise<Prepared>
  /** Milliseconds that so many runs took, to the end of their work. */
  time(runs: number): Promise<number>
  /** Counts what so many runs take. */
  usage(runs: number): Promise<Usage>
  /** Times each dispatch; null where the engine cannot tell. */
  kernels(limits: KernelLimits): Promise<KernelTimes | null>
  release(): Promise<void>
  /** Measures the adapter itself; needs no contestant. */
  roof(): Promise<Roof>
  /** Parts of the roof at this moment. */
  roofNow(glance: Glance): Promise<Roof>
}

/** One contestant with one task at a time. */
export class Cell implements CellCalls {
  readonly #gpu: GPU
  #contestant: Contestant | null = null
  #running: Running | null = null
  #counters: Counters | null = null
  #gauge: RoofGauge | null = null

  constructor(gpu: GPU) {
    this.#gpu = gpu
  }

  async open(name: string, options?: { count?: boolean } | null): Promise<OpenedCell> {
    const opener = openers[name]
    if (!opener) throw new Error(`bench: no contestant is called ${name}`)
    if (options?.count) {
      this.#counters = new Counters()
      this.#counters.install()
    }
    const start = performance.now()
    const open = await opener()
    this.#contestant = await open(this.#gpu)
    const ms = performance.now() - start
    const info = (await this.#gpu.requestAdapter({ powerPreference: 'high-performance' }))?.info
    const text = [info?.vendor, info?.architecture, info?.description].filter(Boolean).join(' ') || 'unnamed adapter'
    const software = Boolean(info?.isFallbackAdapter) || /swiftshader|llvmpipe|lavapipe|warp|basic render/i.test(text)
    return { adapter: text, software, ms }
  }

  async prepare(task: Task): Promise<Prepared> {
    await this.release()
    const start = performance.now()
    try {
      this.#running = await this.#opened().make(task)
    } catch (error) {
      if (error instanceof NotOffered) return { lacks: error.message, results: {}, firstMs: 0 }
      throw error
    }
    const running = this.#running
    const results: Record<string, Sampled> = {}
    let firstMs = 0
    const steps = task.kind === 'step' ? task.checked : 1
    for (let step = 1; step <= steps; step++) {
      await running.run()
      await running.wait()
      if (step === 1) firstMs = performance.now() - start
      for (const [name, values] of Object.entries(await running.read()))
        results[task.kind === 'step' ? `${name} ${step}` : name] = sample(values)
    }
    for (const [name, values] of Object.entries((await running.parameters?.()) ?? {})) results[name] = sample(values)
    return { lacks: null, results, firstMs }
  }

  async time(runs: number): Promise<number> {
    await this.#task().wait()
    return this.#repeat(runs)
  }

  async #repeat(runs: number): Promise<number> {
    const running = this.#task()
    const start = performance.now()
    for (let i = 0; i < runs; i++) {
      const queued = running.run()
      if (queued) await queued
    }
    await running.wait()
    return performance.now() - start
  }

  async usage(runs: number): Promise<Usage> {
    const counters = this.#counters
    if (!counters) throw new Error('bench: the contestant was opened without counters')
    const running = this.#task()
    await running.wait()
    // What waiting itself takes, such as a readback, is not part of a run.
    counters.reset()
    await running.wait()
    const waiting = { ...counters.counts }
    counters.reset()
    counters.record()
    const seconds = (await this.#repeat(runs)) / 1000
    const encodings = counters.recorded()
    const counts = Object.fromEntries(
      Object.entries(counters.counts).map(([what, n]) => [what, (n - waiting[what as keyof Counts]) / runs]),
    ) as unknown as Counts
    const sum = (pick: (e: Encoding) => number): number => encodings.reduce((total, e) => total + pick(e), 0)
    return {
      runs,
      perRun: counts,
      loopMs: sum((e) => e.loop) / runs,
      aroundMs: sum((e) => e.around) / runs,
      seconds,
      bytes: counters.bytes,
    }
  }

  async kernels({ runs, ms }: KernelLimits): Promise<KernelTimes | null> {
    const running = this.#task()
    if (!running.kernels) return null
    const start = performance.now()
    // The first one compiles what only a profiled run needs.
    const first = await running.kernels()
    const steps: number[][] = []
    while (steps.length < runs && (steps.length === 0 || performance.now() - start < ms))
      steps.push((await running.kernels()).map((dispatch) => dispatch.ms))
    return { dispatches: first.map(({ name, flops, bytes }) => ({ name, flops, bytes })), steps }
  }

  async release(): Promise<void> {
    this.#running?.close()
    this.#running = null
  }

  /** Stops counting and gives the device back. */
  async close(): Promise<void> {
    await this.release()
    this.#counters?.remove()
    this.#contestant?.device.destroy()
    this.#gauge?.close()
  }

  async roof(): Promise<Roof> {
    return (await this.#openGauge()).measure()
  }

  async roofNow(glance: Glance): Promise<Roof> {
    return (await this.#openGauge()).now(glance)
  }

  async #openGauge(): Promise<RoofGauge> {
    this.#gauge ??= await RoofGauge.open(this.#gpu)
    return this.#gauge
  }

  #opened(): Contestant {
    if (!this.#contestant) throw new Error('bench: no contestant is open')
    return this.#contestant
  }

  #task(): Running {
    if (!this.#running) throw new Error('bench: no task is set up')
    return this.#running
  }
}
