import {
  compile,
  crossEntropy,
  type Device,
  openDevice,
  type StepCost,
  spec,
  type Tensor,
  tensor,
} from '../../src/index.ts'
import * as nn from '../../src/nn/index.ts'
import * as optim from '../../src/optim/index.ts'
import { Counters, type Counts, type Encoding } from '../counters.ts'

/** The steps that are measured. */
export type WorkloadName = 'mlp' | 'cnn'

interface Workload {
  readonly title: string
  readonly batch: number
  readonly shape: readonly number[]
  model(): nn.Sequential
}

export const workloads: Readonly<Record<WorkloadName, Workload>> = {
  mlp: {
    title: 'MLP 784-256-256-10, Adam, batch 64',
    batch: 64,
    shape: [784],
    model: () =>
      new nn.Sequential(
        new nn.Linear(784, 256),
        new nn.ReLU(),
        new nn.Linear(256, 256),
        new nn.ReLU(),
        new nn.Linear(256, 10),
      ),
  },
  cnn: {
    title: 'CNN 28x28x1, conv 16, conv 32, linear 10, Adam, batch 32',
    batch: 32,
    shape: [28, 28, 1],
    model: () =>
      new nn.Sequential(
        new nn.Conv2d(1, 16, 3, { padding: 1 }),
        new nn.ReLU(),
        new nn.MaxPool2d(2),
        new nn.Conv2d(16, 32, 3, { padding: 1 }),
        new nn.ReLU(),
        new nn.MaxPool2d(2),
        new nn.Flatten(),
        new nn.Linear(7 * 7 * 32, 10),
      ),
  },
}

/** A step that is prepared and has run once. */
export interface Opened {
  readonly adapter: string
  readonly software: boolean
  readonly cost: StepCost
  /** What the first step after `prepare` took. */
  readonly first: Counts
}

/** What steps took in which nothing was read back. */
export interface Counted {
  readonly steps: number
  readonly counts: Counts
  /** One for each submit. */
  readonly encodings: readonly Encoding[]
  /** What `around` is for an empty pass, in milliseconds: the part that is WebGPU's and the machine's own. */
  readonly empty: readonly number[]
  readonly seconds: number
}

/** Bytes of all GPU buffers. */
export interface Bytes {
  /** The fewest and the most since {@link Steady.markBytes}. */
  readonly least: number
  readonly most: number
  /** The most since the device was opened. */
  readonly peak: number
}

/** What a program may ask of an open step, in a page or beside it. */
export interface SteadyCalls {
  count(steps: number): Promise<Counted>
  run(steps: number, seconds: number): Promise<number>
  markBytes(): Promise<void>
  bytes(): Promise<Bytes>
}

const classes = 10

/** How often a loop waits for the GPU, in steps. */
const waitEvery = 10

const emptyPasses = 50

/** A training step on a device, watched from outside. One at a time. */
export class Steady implements SteadyCalls {
  readonly device: Device
  readonly workload: Workload
  private readonly counters: Counters
  private readonly step: (x: Tensor, y: Tensor) => { loss: Tensor }
  private readonly prepare: () => Promise<StepCost>
  private state = 1

  private constructor(name: WorkloadName, device: Device, counters: Counters) {
    this.device = device
    this.counters = counters
    this.workload = workloads[name]
    const { batch, shape } = this.workload
    const model = this.workload.model()
    const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 })
    const step = compile((x: Tensor, y: Tensor) => {
      const loss = crossEntropy(model.forward(x), y)
      optimizer.minimize(loss)
      return { loss }
    })
    this.step = step
    this.prepare = () => step.prepare({ x: spec([batch, ...shape]), y: spec([batch], 'i32') })
  }

  /** Opens a device, prepares the step and runs it once. `gpu` is where to find WebGPU, the page's own unless given. */
  static async open(name: WorkloadName, gpu?: GPU): Promise<{ steady: Steady; opened: Opened }> {
    const counters = new Counters()
    counters.install()
    try {
      const device = await openDevice(gpu ? { gpu } : {})
      const steady = new Steady(name, device, counters)
      const cost = await steady.prepare()
      counters.reset()
      steady.next()
      await device.idle()
      const { description: adapter, software } = device.info
      return { steady, opened: { adapter, software, cost, first: { ...counters.counts } } }
    } catch (error) {
      counters.remove()
      throw error
    }
  }

  /** Runs steps without a readback and counts what they take. Waits for the GPU now and then, as a page must. */
  async count(steps: number): Promise<Counted> {
    await this.device.idle()
    this.counters.reset()
    this.counters.record()
    const started = performance.now()
    for (let i = 1; i <= steps; i++) {
      this.next()
      if (i % waitEvery === 0) await this.device.idle()
    }
    await this.device.idle()
    const seconds = (performance.now() - started) / 1000
    const counts = { ...this.counters.counts }
    return { steps, counts, encodings: this.counters.recorded(), empty: await this.emptyPasses(), seconds }
  }

  /** Runs steps as a training loop does, reading a loss now and then; ends early after `seconds`. Answers how many it ran. */
  async run(steps: number, seconds: number): Promise<number> {
    const until = performance.now() + 1000 * seconds
    let done = 0
    while (done < steps && performance.now() < until) {
      const loss = this.next()
      if (++done % waitEvery === 0) await loss.item()
    }
    await this.device.idle()
    return done
  }

  /** Begins to watch the bytes of GPU buffers. */
  async markBytes(): Promise<void> {
    this.counters.markBytes()
  }

  async bytes(): Promise<Bytes> {
    const { leastBytes: least, mostBytes: most, peakBytes: peak } = this.counters
    return { least, most, peak }
  }

  close(): void {
    this.device.close()
    this.counters.remove()
  }

  /** Times passes without a dispatch, each after work like that between two steps. */
  private async emptyPasses(): Promise<number[]> {
    const { handle } = this.device
    const times: number[] = []
    for (let i = 0; i < emptyPasses; i++) {
      this.next()
      await this.device.idle()
      this.batch()
      const started = performance.now()
      const encoder = handle.createCommandEncoder()
      encoder.beginComputePass().end()
      handle.queue.submit([encoder.finish()])
      times.push(performance.now() - started)
      await handle.queue.onSubmittedWorkDone()
    }
    return times
  }

  /** One step on a batch that was never seen. */
  private next(): Tensor {
    const { x, y } = this.batch()
    return this.step(x, y).loss
  }

  private batch(): { x: Tensor; y: Tensor } {
    const { batch, shape } = this.workload
    const values = new Float32Array(shape.reduce((a, b) => a * b, batch))
    for (let i = 0; i < values.length; i++) values[i] = this.random()
    const labels = new Int32Array(batch)
    for (let i = 0; i < batch; i++) labels[i] = Math.floor(this.random() * classes)
    return { x: tensor(values, { shape: [batch, ...shape] }), y: tensor(labels) }
  }

  /** Uniform in [0, 1), by a linear congruential generator. */
  private random(): number {
    this.state = (Math.imul(this.state, 1664525) + 1013904223) >>> 0
    return this.state / 2 ** 32
  }
}
