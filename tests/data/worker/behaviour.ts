import { DataLoader } from '../../../src/data/loader.ts'
import { type WorkerDataset, workerDataset } from '../../../src/data/worker-dataset.ts'
import type { WorkerLike } from '../../../src/data/worker-port.ts'

/** Starts a worker on `samples.ts`, or on another file beside it. */
export type Start = (name: 'samples' | 'fails-to-start' | 'is-not-there') => WorkerLike

type Samples = WorkerDataset<'x' | 'y' | 'from'>

const one = (index: number): Uint32Array => Uint32Array.of(index)

async function message(run: () => Promise<unknown>): Promise<string> {
  return run().then(
    () => 'no error',
    (error: Error) => error.message,
  )
}

/** What datasets in workers do, told in plain values, so that Node and a page run the same. */
export async function behaviour(start: Start): Promise<Record<string, unknown>> {
  const open = (workers = 1): Promise<Samples> => workerDataset(() => start('samples'), { workers })
  const seen: Record<string, unknown> = {}

  const three = await open(3)
  const loader = new DataLoader(three, { batchSize: 7, prefetch: 6 })
  const makers = new Set<number>()
  const order: number[] = []
  for await (const { y, from } of loader.hostBatches()) {
    makers.add(from.data[0] as number)
    order.push(...y.data)
    if (order.length >= 84) break
  }
  seen.order = order.every((index, i) => index === i)
  seen.makers = makers.size
  three.close()
  seen.closed = await message(() => three.batch(one(1)))

  const dataset = await open()
  seen.length = dataset.length
  seen.refused = await message(() => dataset.batch(one(90)))
  const failed = await dataset.batch(one(91)).catch((error: Error) => error)
  seen.failed = (failed as Error).message
  seen.cause = String(((failed as Error).cause as Error).stack).split('\n')[0]
  const twice = [await dataset.batch(Uint32Array.of(95, 1)), await dataset.batch(one(95))]
  seen.kept = twice.map(({ x, from }) => [x.data.length, from.data[2]])
  // What was handed out before is gone from the worker: it moved, and was not copied.
  seen.lengthLeftBehind = (await dataset.batch(one(1))).from.data[3]
  const asked = Uint32Array.of(5, 6, 7, 8)
  seen.view = Array.from((await dataset.batch(asked.subarray(1, 3))).y.data)
  seen.asked = asked.length

  const callsBefore = (await dataset.batch(one(1))).from.data[4] as number
  const stop = new AbortController()
  const waits = [92, 92, 1, 92].map((index) => message(() => dataset.batch(one(index), stop.signal)))
  stop.abort(new Error('enough'))
  seen.calledOff = await Promise.all(waits)
  const afterwards = await dataset.batch(one(3))
  seen.afterwards = Array.from(afterwards.y.data)
  // Two had reached the worker when all were called off.
  seen.calls = (afterwards.from.data[4] as number) - callsBefore
  seen.stopped = (await dataset.batch(one(3))).from.data[1]
  seen.tooLate = await message(() => dataset.batch(one(3), stop.signal))

  const running = message(() => dataset.batch(one(92)))
  dataset.close()
  seen.closedWhileRunning = await running

  const doomed = await open(2)
  const others = [92, 92, 93, 92, 92, 92].map((index) => message(() => doomed.batch(one(index))))
  seen.death = await Promise.all(others)
  seen.afterDeath = await message(() => doomed.batch(one(1)))

  seen.noDataset = await message(() => workerDataset(() => start('fails-to-start')))
  seen.noScript = await message(() => workerDataset(() => start('is-not-there')))
  return seen
}
