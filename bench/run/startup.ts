import { modelOf } from '../models.ts'
import type { Task } from '../workload.ts'
import type { Host } from './host.ts'
import { Player, TooLong } from './player.ts'
import type { Outcome, StartupRow } from './results.ts'
import type { Tell } from './schedule.ts'

/** What is done first after the import. */
export const startupTasks: readonly { readonly name: string; readonly task: Task }[] = [
  { name: 'first product 256x256x256', task: { kind: 'matmul', m: 256, k: 256, n: 256 } },
  ...[
    { kind: 'step', model: 'mlp', batch: 64, checked: 1 } as const,
    { kind: 'step', model: 'block', batch: 2, sequence: 64, checked: 1 } as const,
  ].map((task) => ({ name: `first step, ${modelOf(task).title}`, task })),
]

/** Times a contestant from before its import to its first result, in a fresh process without a compiled pipeline. */
export async function runStartup(
  { name, task }: (typeof startupTasks)[number],
  contestant: string,
  host: Host,
  { times, capMs, tell, stopped }: { times: number; capMs: number; tell: Tell; stopped: () => boolean },
): Promise<StartupRow> {
  const openMs: number[] = []
  const firstMs: number[] = []
  let outcome: Outcome = 'timed'
  let message = ''
  for (let i = 0; i < times && outcome === 'timed' && !stopped(); i++) {
    tell(`${contestant}: start ${i + 1} of ${times}`)
    const player = new Player(contestant, host)
    try {
      await player.call(60_000 + capMs, async () => undefined)
      const prepared = await player.call(capMs, (room) => room.prepare(task))
      if (prepared.lacks !== null) {
        outcome = 'lacks'
        message = prepared.lacks
        break
      }
      openMs.push(player.opened?.ms ?? Number.NaN)
      firstMs.push(prepared.firstMs)
    } catch (error) {
      outcome = error instanceof TooLong ? 'too long' : 'failed'
      message = (error as Error).message.split('\n')[0] ?? ''
    } finally {
      await player.leave()
    }
  }
  return { workload: name, contestant, outcome, message, openMs, firstMs }
}
