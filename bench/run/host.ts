import type { CellCalls } from '../cell.ts'

/** A page or process with one contestant in it. */
export interface Room extends CellCalls {
  /**
   * Bytes that live JavaScript objects take after a collection, with the memory behind typed arrays; null where no
   * collection can be asked for.
   */
  heapBytes(): Promise<number | null>
  /** Ends it at once, also where it hangs. */
  kill(): Promise<void>
}

/** Where contestants run. */
export interface Host {
  /** `Chrome/147.0` */
  readonly name: string
  /** Why a contestant cannot run here, or null. */
  lacks(contestant: string): string | null
  /** A fresh page or process, with nothing in it. */
  room(): Promise<Room>
  close(): Promise<void>
}
