import type { OpenedCell } from '../cell.ts'
import type { Host, Room } from './host.ts'

/** A call took longer than it was given; its room is gone. */
export class TooLong extends Error {
  override readonly name = 'TooLong'
  readonly seconds: number

  constructor(seconds: number) {
    super(`> ${Number(seconds.toFixed(1))} s`)
    this.seconds = seconds
  }
}

/**
 * A contestant that survives its own failures: a room that hangs or breaks is ended, and the next call gets a new one. With
 * `opens`, another contestant stands in for it under its name, or none is opened at all.
 */
export class Player {
  readonly name: string
  /** What it said of itself when it was first opened. */
  opened: OpenedCell | null = null
  readonly #host: Host
  readonly #count: boolean
  readonly #opens: string | null
  #room: Room | null = null

  constructor(name: string, host: Host, options: { count?: boolean; opens?: string | null } = {}) {
    this.name = name
    this.#host = host
    this.#opens = options.opens === undefined ? name : options.opens
    this.#count = options.count ?? false
  }

  /** Does something in the room within so many milliseconds. */
  async call<T>(limitMs: number, act: (room: Room) => Promise<T>): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined
    const limit = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new TooLong(limitMs / 1000)), limitMs)
    })
    const work = (async () => act(await this.#open()))()
    // Whichever loses the race must not be an unhandled rejection.
    work.catch(() => undefined)
    try {
      return await Promise.race([work, limit])
    } catch (error) {
      await this.leave()
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  /** Ends the room. */
  async leave(): Promise<void> {
    const room = this.#room
    this.#room = null
    await room?.kill()
  }

  async #open(): Promise<Room> {
    if (this.#room) return this.#room
    const room = await this.#host.room()
    this.#room = room
    if (this.#opens !== null) this.opened = await room.open(this.#opens, { count: this.#count })
    return room
  }
}
