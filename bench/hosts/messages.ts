import type { CellCalls } from '../cell.ts'

/** A call, and its answer. */
export interface Request {
  readonly id: number
  readonly method: string
  readonly args: readonly unknown[]
}
export type Answer = { readonly id: number } & ({ readonly result: unknown } | { readonly error: string })

/** How a room's process or worker is called. */
export type Call = (method: string, args: readonly unknown[]) => Promise<unknown>

/** The answer that a process or worker gives unasked once it can be called. */
export const ready: Answer = { id: 0, result: null }

/** Calls a process or worker through messages. */
export class Caller {
  readonly #post: (request: Request) => void
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  #calls = 0
  /** Why nothing can be asked any more. */
  #ended: Error | null = null
  /** Resolves when the other side can be called. */
  readonly ready: Promise<unknown>

  constructor(post: (request: Request) => void) {
    this.#post = post
    this.ready = this.#wait(ready.id)
  }

  async call(method: string, args: readonly unknown[] = []): Promise<unknown> {
    if (this.#ended) throw this.#ended
    const id = ++this.#calls
    const answer = this.#wait(id)
    this.#post({ id, method, args })
    return answer
  }

  /** A message came from the other side. */
  take(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id)
    this.#waiting.delete(answer.id)
    if ('error' in answer) waiting?.reject(new Error(answer.error))
    else waiting?.resolve(answer.result)
  }

  /** The other side is gone: all that is asked fails, and all that will be. */
  fail(message: string): void {
    this.#ended ??= new Error(message)
    for (const { reject } of this.#waiting.values()) reject(this.#ended)
    this.#waiting.clear()
  }

  #wait(id: number): Promise<unknown> {
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
  }
}

/** What a cell can be asked, through calls. */
export function cellCalls(call: Call): CellCalls {
  const ask = <K extends keyof CellCalls>(method: K, ...args: Parameters<CellCalls[K]>): ReturnType<CellCalls[K]> =>
    call(method, args) as ReturnType<CellCalls[K]>
  return {
    open: (contestant, options) => ask('open', contestant, options),
    prepare: (task) => ask('prepare', task),
    time: (runs) => ask('time', runs),
    usage: (runs) => ask('usage', runs),
    kernels: (limits) => ask('kernels', limits),
    release: () => ask('release'),
    roof: () => ask('roof'),
    roofNow: (glance) => ask('roofNow', glance),
  }
}

/** What the other side does with a call: `more` is what it can be asked beside what a cell can. */
export async function answerCall(
  cell: CellCalls,
  { id, method, args }: Request,
  more: Readonly<Record<string, () => Promise<unknown>>> = {},
): Promise<Answer> {
  const methods = { ...cellCalls((name, values) => invoke(cell, name as keyof CellCalls, values)), ...more }
  try {
    const act = (methods as Record<string, (...values: unknown[]) => Promise<unknown>>)[method]
    if (!act) throw new Error(`bench: there is no call ${method}`)
    return { id, result: await act(...args) }
  } catch (error) {
    return { id, error: error instanceof Error ? error.message : String(error) }
  }
}

function invoke(cell: CellCalls, method: keyof CellCalls, args: readonly unknown[]): Promise<unknown> {
  return (cell[method] as (...values: readonly unknown[]) => Promise<unknown>).apply(cell, [...args])
}
