import { modelOf } from '../models.ts'
import type { StepTask } from '../workload.ts'
import type { Player } from './player.ts'
import { TooLong } from './player.ts'
import type { SteadyRow } from './results.ts'
import type { Tell } from './schedule.ts'

/** The steps whose steady state is watched. */
export const steadyTasks: readonly StepTask[] = [
  { kind: 'step', model: 'mlp', batch: 64, checked: 1 },
  { kind: 'step', model: 'cnn', batch: 32, checked: 1 },
  { kind: 'step', model: 'lstm', batch: 16, sequence: 32, hidden: 64, checked: 1 },
  { kind: 'step', model: 'block', batch: 2, sequence: 64, checked: 1 },
]

/** How long to watch. */
export interface SteadyPace {
  /** Steps before the memory is first looked at. */
  readonly warmup: number
  /** Steps that are counted. */
  readonly steps: number
  /** Longest time for a contestant with a workload, in milliseconds. */
  readonly capMs: number
}

/** Counts what one contestant's step takes of WebGPU once it runs again and again, and whether its memory grows. */
export async function runSteady(
  task: StepTask,
  player: Player,
  { warmup, steps, capMs }: SteadyPace,
  tell: Tell,
): Promise<SteadyRow> {
  const row = { workload: modelOf(task).title, contestant: player.name }
  const none = { usage: null, heap: null, heapGrowth: null, gpuGrowth: null }
  try {
    await player.call(60_000 + capMs, async () => undefined)
    tell(`${player.name}: steady state`)
    return await player.call(capMs, async (room) => {
      const { lacks } = await room.prepare(task)
      if (lacks !== null) return { ...row, ...none, outcome: 'lacks', message: lacks }
      await room.time(warmup)
      const before = await room.usage(1)
      const heap = await room.heapBytes()
      const usage = await room.usage(steps)
      const heapAfter = await room.heapBytes()
      const heapGrowth = heap === null || heapAfter === null ? null : heapAfter - heap
      await room.release()
      return { ...row, outcome: 'timed', message: '', usage, heap, heapGrowth, gpuGrowth: usage.bytes - before.bytes }
    })
  } catch (error) {
    const outcome = error instanceof TooLong ? 'too long' : 'failed'
    return { ...row, ...none, outcome, message: (error as Error).message.split('\n')[0] ?? '' }
  }
}
