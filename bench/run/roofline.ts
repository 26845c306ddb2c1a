import type { Glance } from '../roof/gauge.ts'
import { bufferBytes } from '../roof/shaders.ts'
import { bestOf, timeAtRoof, type Work } from '../roof/share.ts'
import type { Host } from './host.ts'
import { Player } from './player.ts'
import type { Roof } from './results.ts'

/** Longest time for the whole roof and for a glance at it, in milliseconds. */
const wholeMs = 120_000
const glanceMs = 30_000

/** A roof that is so many times farther than the other cannot become the nearer one. */
const farther = 4

/**
 * The adapter's roof beside the work: measured at the beginning and the end, and glanced at between samples, since machines
 * do not keep their speed. A gauge that breaks is given up; everything else goes on without it.
 */
export class Roofline {
  readonly #player: Player
  #best: Roof | null = null
  #broken = false

  constructor(host: Host) {
    this.#player = new Player('the roof', host, { opens: null })
  }

  /** The best that was seen until now; null where nothing could be measured. */
  get best(): Roof | null {
    return this.#best
  }

  /** Measures all of it. */
  async measure(): Promise<void> {
    const seen = await this.#ask(() => this.#player.call(wholeMs, (room) => room.roof()))
    if (seen) this.#best = this.#best ? bestOf(this.#best, seen) : seen
  }

  /**
   * The roof at this moment, where it is near to the work; all of it without `work`; null where it cannot be told. It is looked
   * at for `ms` milliseconds, which are to be as long as what is timed: others who use the machine then slow both alike.
   */
  async now(ms: number, work: Work | null): Promise<Roof | null> {
    if (!this.#best) return null
    const glance = { ms, ...(work ? partsNear(this.#best, work) : { multiplies: true, bytes: bufferBytes }) }
    const seen = await this.#ask(() => this.#player.call(glanceMs, (room) => room.roofNow(glance)))
    if (seen) this.#best = bestOf(this.#best, seen)
    return seen
  }

  leave(): Promise<void> {
    return this.#player.leave()
  }

  async #ask(measure: () => Promise<Roof>): Promise<Roof | null> {
    if (this.#broken) return null
    try {
      return await measure()
    } catch {
      this.#broken = true
      return null
    }
  }
}

function partsNear(roof: Roof, { flops, bytes }: Work): Omit<Glance, 'ms'> {
  const [compute, traffic] = [timeAtRoof(roof, { flops, bytes: 0 }), timeAtRoof(roof, { flops: 0, bytes })]
  return { multiplies: farther * compute > traffic, bytes: farther * traffic > compute ? [bytes] : [] }
}
