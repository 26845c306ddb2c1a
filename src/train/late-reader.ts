import type { TypedArray } from '../dtype.ts'
import { readAll, type Tensor } from '../graph/tensor.ts'

/** Reading that is under way, or waits for its turn. */
interface Waiting {
  readonly tensors: readonly Tensor[]
  readonly deliver: (values: readonly TypedArray[]) => void | Promise<void>
}

/**
 * Reads outputs of steps without making a step wait: one readback is under way at a time and takes along all that was
 * added while the one before it was. At most `depth` outputs are kept waiting, which is also how far steps run ahead.
 */
export class LateReader {
  private readonly depth: number
  private waiting: Waiting[] = []
  private underWay = 0
  private reading: Promise<void> | null = null
  private failure: { readonly error: unknown } | null = null

  /** `depth` must not be more than the ring of the steps. */
  constructor(depth: number) {
    this.depth = depth
  }

  /** Has `tensors` read; `deliver` gets the values in the order in which they were added. */
  add(tensors: readonly Tensor[], deliver: Waiting['deliver']): void {
    this.waiting.push({ tensors, deliver })
    if (!this.reading) this.begin()
  }

  /** Resolves when another output may be added: at once, unless the host is `depth` steps ahead. Throws what a reading threw. */
  async room(): Promise<void> {
    while (!this.failure && this.reading && this.waiting.length + this.underWay >= this.depth) await this.reading
    this.rethrow()
  }

  /** Resolves when everything that was added has been delivered. Throws what a reading threw. */
  async drain(): Promise<void> {
    while (this.reading) await this.reading
    this.rethrow()
  }

  private begin(): void {
    const batch = this.waiting
    this.waiting = []
    this.underWay = batch.length
    this.reading = this.collect(batch).then(
      () => this.next(),
      (error: unknown) => {
        this.failure ??= { error }
        this.reading = null
        this.underWay = 0
      },
    )
  }

  private next(): void {
    this.reading = null
    this.underWay = 0
    if (this.waiting.length > 0) this.begin()
  }

  private async collect(batch: readonly Waiting[]): Promise<void> {
    const values = await readAll(batch.flatMap((w) => w.tensors))
    let at = 0
    for (const { tensors, deliver } of batch) {
      await deliver(values.slice(at, at + tensors.length))
      at += tensors.length
    }
  }

  private rethrow(): void {
    if (this.failure) throw this.failure.error
  }
}
