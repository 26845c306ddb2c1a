import { fail } from '../errors.ts'
import type { Dataset, HostArray } from './dataset.ts'
import { listenForPosts, post, type WorkerRequest } from './dataset-port.ts'
import { errorText, type WorkerPort } from './worker-port.ts'

/**
 * Serves a dataset from within a worker to the `workerDataset` that started it. Batches move to the other side without
 * a copy, so `batch` must return arrays that the dataset does not keep. An error in a batch is told to who asked for
 * it, and one in making the dataset to who started the worker.
 *
 * @param dataset What to serve; the other side waits where it is still on its way.
 * @param port The other side: that of the worker itself unless told.
 * @example serveDataset(imageDataset(await readIdx(images), await readIdx(labels)))
 */
export function serveDataset<K extends string>(
  dataset: Dataset<K> | Promise<Dataset<K>>,
  port: WorkerPort = ownPort(),
): void {
  // The other side asks for nothing before it heard that the dataset is ready.
  Promise.resolve(dataset).then(
    (served) => {
      serve(served, port)
      post(port, { type: 'ready', length: served.length })
    },
    (error: unknown) => post(port, { type: 'failed', error: errorText(error) }),
  )
}

function serve<K extends string>(dataset: Dataset<K>, port: WorkerPort): void {
  const running = new Map<number, AbortController>()
  const answer = async (id: number, indices: Uint32Array): Promise<void> => {
    const stop = new AbortController()
    running.set(id, stop)
    try {
      const { batch, buffers } = movable(await dataset.batch(indices, stop.signal))
      post(port, { type: 'batch', id, batch }, buffers)
    } catch (error) {
      post(port, { type: 'error', id, error: errorText(error) })
    } finally {
      running.delete(id)
    }
  }
  listenForPosts<WorkerRequest>(port, (request) => {
    if (request.type === 'batch') void answer(request.id, request.indices)
    else running.get(request.id)?.abort(new Error('nobody waits for this batch any more'))
  })
}

/** The batch with the buffers that can move with it: an array that is part of something larger is copied out first. */
function movable(batch: Record<string, HostArray>): { batch: Record<string, HostArray>; buffers: ArrayBuffer[] } {
  const parts = Object.entries(batch).map(([name, array]): [string, HostArray] => {
    const { data } = array
    return [name, data.byteLength === data.buffer.byteLength ? array : { ...array, data: data.slice() }]
  })
  return { batch: Object.fromEntries(parts), buffers: [...new Set(parts.map(([, { data }]) => data.buffer))] }
}

/** The way out of the worker that this runs in. */
function ownPort(): WorkerPort {
  const { process, postMessage, addEventListener } = globalThis as Partial<typeof globalThis>
  const parent = process?.getBuiltinModule?.('node:worker_threads').parentPort
  if (parent) return parent
  if (typeof document !== 'undefined' || !postMessage || !addEventListener) {
    fail('serveDataset', 'this is no worker', 'call it in a worker, or give it a port')
  }
  return globalThis as unknown as WorkerPort
}
