/** A piece of work for the queue. */
export interface Job {
  /** Estimated GPU time in milliseconds. */
  readonly cost: number
  run(): void | Promise<void>
  /** Told when `run` throws; without it the error goes to the queue's own handler. */
  fail?(error: unknown): void
}

/**
 * The one line in which all GPU work stands. A job runs at once while the GPU is not too far behind; otherwise it waits
 * in order, so that a loop that never awaits cannot run the device out of memory or make the page wait for seconds.
 */
export class Queue {
  /** Submits since the device was opened. */
  submits = 0
  /** Measured over estimated GPU time, followed slowly. */
  scale = 1
  private readonly waiting: Job[] = []
  private running = false
  private inFlight = 0
  private inFlightCount = 0
  private lastDone = 0
  private idleWaiters: (() => void)[] = []
  private readonly device: GPUDevice
  private readonly runAheadMs: number
  private readonly onError: (error: unknown) => void

  constructor(device: GPUDevice, runAheadMs: number, onError: (error: unknown) => void) {
    this.device = device
    this.runAheadMs = runAheadMs
    this.onError = onError
  }

  /** Puts a job in line; runs it before returning when nothing stands before it. */
  enqueue(job: Job): void {
    if (!this.running && this.waiting.length === 0 && this.hasRoom()) this.start(job)
    else this.waiting.push(job)
  }

  /** Submits command buffers whose GPU time was estimated as `cost` ms (before scaling). */
  submit(buffers: GPUCommandBuffer[], cost: number): void {
    this.device.queue.submit(buffers)
    this.submits++
    this.inFlight += cost
    this.inFlightCount++
    const submitted = performance.now()
    const done = (): void => {
      const now = performance.now()
      const took = now - Math.max(submitted, this.lastDone)
      this.lastDone = now
      if (cost > 0) this.scale += 0.1 * (Math.min(100, Math.max(0.01, took / cost)) - this.scale)
      this.inFlight -= cost
      this.inFlightCount--
      this.pump()
    }
    this.device.queue.onSubmittedWorkDone().then(done, done)
  }

  /** Resolves when every job has run and the GPU has finished. */
  async idle(): Promise<void> {
    if (this.running || this.waiting.length > 0 || this.inFlightCount > 0) {
      await new Promise<void>((resolve) => this.idleWaiters.push(resolve))
    }
    await this.device.queue.onSubmittedWorkDone()
  }

  /** Drops the jobs that have not run; each is told `error`. */
  abandon(error: unknown): void {
    for (const job of this.waiting.splice(0)) job.fail?.(error)
  }

  private hasRoom(): boolean {
    return this.inFlightCount < 2 || this.inFlight * this.scale < this.runAheadMs
  }

  private start(job: Job): void {
    let result: void | Promise<void>
    try {
      result = job.run()
    } catch (error) {
      this.failed(job, error)
      return
    }
    if (!result) return
    this.running = true
    void result
      .catch((error: unknown) => this.failed(job, error))
      .then(() => {
        this.running = false
        this.pump()
      })
  }

  private failed(job: Job, error: unknown): void {
    if (job.fail) job.fail(error)
    else this.onError(error)
  }

  private pump(): void {
    while (!this.running && this.waiting.length > 0 && this.hasRoom()) this.start(this.waiting.shift() as Job)
    if (!this.running && this.waiting.length === 0 && this.inFlightCount === 0) {
      for (const resolve of this.idleWaiters.splice(0)) resolve()
    }
  }
}
