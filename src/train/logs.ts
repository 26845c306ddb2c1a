import { fail } from '../errors.ts'
import type { Callback, FitEnd, FitRun } from './callbacks.ts'
import type { EpochLog, StepLog } from './history.ts'
import type { Json } from './json.ts'

/** A file of lines that a log goes on in; `logFile` of `wgrad/node` makes one. */
export interface LineFile {
  /** The lines there are, without one that a crash cut short. */
  read(): Promise<readonly string[]>
  /** Drops all but the first lines, and what a crash left behind them. */
  keep(lines: number): Promise<void>
  /** Adds a line; it must have reached the operating system when the call returns. */
  append(line: string): void
  /** Resolves when the file is on the disk. Later calls open it again. */
  close(): Promise<void>
}

/**
 * Logs a training as JSON lines: `{"event":"start"}`, then `{"event":"step", …}` with what {@link StepLog} has, `{"event":"epoch", …}`
 * with what {@link EpochLog} has, and `{"event":"end","outcome":"finished"}`. NaN and infinite numbers are texts.
 *
 * A training that is resumed from a checkpoint goes on in the same file: lines that the checkpoint did not know are dropped, and come anew
 * as their steps are taken again. Any other training is added behind those that are in the file, and so are further steps of one behind
 * which another stands.
 *
 * @param to The file, or a function that is given each line, without its end.
 * @param options `name` stands in the line of the start; trainings that share a file need one each, to find their lines again.
 */
export function jsonLines(
  to: LineFile | ((line: string) => void),
  { name }: { readonly name?: string } = {},
): Callback {
  const file = typeof to === 'function' ? null : to
  const append = typeof to === 'function' ? to : (line: string): void => to.append(line)
  /** Lines of this training, from its last start on. */
  let lines = 0
  let isOpen = false
  const write = (event: string, fields: object): void => {
    append(JSON.stringify({ event, ...fields }, (_, value: unknown) => text(value)))
    lines++
  }
  const begin = (): void => {
    lines = 0
    isOpen = true
    write('start', name === undefined ? {} : { name })
  }
  const add = (event: string, fields: object): void => {
    if (!isOpen) begin()
    write(event, fields)
  }
  return {
    name: 'jsonLines',
    async onFitStart(): Promise<void> {
      const old = (await file?.read()) ?? []
      const starts = old.flatMap((line, i) => {
        const { event, ...fields } = parsed(line)
        return event === 'start' ? [{ at: i, isOwn: fields.name === name }] : []
      })
      const own = starts.findLast(({ isOwn }) => isOwn)
      const isResumed = lines > 0 && (file === null || own !== undefined)
      // Where another training follows, this one begins again once it takes a step.
      isOpen = isResumed && own === starts.at(-1)
      lines = own ? Math.min(lines, old.length - own.at) : lines
      await file?.keep(isOpen && own ? own.at + lines : old.length)
      if (!isResumed) begin()
    },
    onStep: (log: StepLog) => add('step', log),
    onEpochEnd: (log: EpochLog) => add('epoch', log),
    async onFitEnd({ outcome, error }: FitEnd, run: FitRun): Promise<void> {
      if (isOpen) add('end', { outcome, step: run.step, ...(error !== undefined && { error: String(error) }) })
      isOpen = false
      lines = 0
      await file?.close()
    },
    state: (): Json => ({ lines }),
    restore(state: Json): void {
      const known = (state as { lines?: unknown } | null)?.lines
      if (!Number.isSafeInteger(known)) fail('jsonLines', `the state is ${JSON.stringify(state)}`, 'it must name lines')
      lines = known as number
    },
  }
}

function parsed(line: string): Readonly<Record<string, unknown>> {
  try {
    return (JSON.parse(line) as Readonly<Record<string, unknown>> | null) ?? {}
  } catch {
    return {}
  }
}

function text(value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value
}
