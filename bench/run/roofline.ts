import { bestOf } from '../roof/share.ts'
import type { Host } from './host.ts'
import { Player } from './player.ts'
import type { Roof } from './results.ts'

/** Longest time for the whole roof and for a glance at it, in milliseconds. */
const wholeMs = 120_000
const glanceMs = 30_000

/** Milliseconds of a glance for each part, so long that a machine which others use slows it as it slows what is timed. */
const partMs = 25

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

  /** The roof at this moment, for work with so many bytes in sight, or of all sizes; null where it cannot be told. */
  async now(bytes: number | null): Promise<Roof | null> {
    if (!this.#best) return null
    const seen = await this.#ask(() => this.#player.call(glanceMs, (room) => room.roofNow(partMs, bytes)))
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
