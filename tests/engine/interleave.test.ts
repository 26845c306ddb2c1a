import fc from 'fast-check'
import { beforeAll, test } from 'vitest'
import type { CompileOptions } from '../../src/index.ts'
import { openDevice } from '../../src/node.ts'
import { World } from './world.ts'

beforeAll(async () => {
  // Little run-ahead makes jobs wait, and a small budget cuts steps into several submits.
  await openDevice({ runAheadMs: 0.01, submitBudgetMs: 0.01 })
})

const ways: readonly CompileOptions[] = [
  {},
  { verify: 1 },
  { debug: { reuse: false } },
  { debug: { poison: true } },
  { debug: { order: 1 } },
  { debug: { order: 2, poison: true }, verify: 1 },
]

/** Runs the program that a list of decisions stands for; it ends with the list. */
async function run(tape: readonly number[]): Promise<void> {
  let at = 0
  const world = new World((n) => (tape[at++] ?? 0) % n, ways)
  try {
    while (at < tape.length) await world.act()
    await world.finish()
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${world.log.join('\n')}`, { cause: error })
  }
}

test('random interleavings of ops, steps, assignments and late reads equal an eager f64 interpreter', async () => {
  const tapes = fc.array(fc.nat({ max: 5039 }), { minLength: 40, maxLength: 400, size: 'max' })
  const numRuns = Number(process.env.WGRAD_PROGRAMS ?? 200)
  const seed = Number(process.env.WGRAD_SEED ?? 20)
  // Each failure lists its program, and shrinking one on a GPU takes minutes.
  await fc.assert(fc.asyncProperty(tapes, run), { numRuns, seed, endOnFailure: true })
}, 300_000)
