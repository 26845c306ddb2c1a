import { fail, WgradError } from '../errors.ts'
import type { Dataset, HostArray } from './dataset.ts'
import { listenForPosts, post, type WorkerAnswer } from './dataset-port.ts'
import { type ErrorText, listenForEnd, type WorkerLike } from './worker-port.ts'

/** A dataset that lives in workers. */
export interface WorkerDataset<K extends string> extends Dataset<K> {
  batch(indices: Uint32Array, signal?: AbortSignal): Promise<Record<K, HostArray>>
  /** Ends the workers. Batches under way reject. */
  close(): void
}

/** Options of {@link workerDataset}. */
export interface WorkerDatasetOptions {
  /** How many workers make batches at the same time, each with a dataset of its own. 1 unless told. */
  workers?: number
}

/**
 * Starts workers that each serve a dataset by `serveDataset`, so that making batches takes no time from the thread that
 * trains. Give the loader a `prefetch` of at least the number of workers. One worker that ends, or that lets an error
 * go uncaught, ends all: batches under way and later ones reject, and say why.
 *
 * In Node, an idle worker does not keep the process alive.
 *
 * @param start Starts one worker: `Worker` of pages, or of `node:worker_threads`.
 * @example
 * const start = () => new Worker(new URL('./my-data.ts', import.meta.url), { type: 'module' })
 * const dataset = await workerDataset<'x' | 'y'>(start, { workers: 2 })
 * const loader = new DataLoader(dataset, { batchSize: 64, shuffle: true, prefetch: 4 })
 *
 * @throws WgradError when a worker cannot be started or its dataset cannot be made.
 */
export async function workerDataset<K extends string>(
  start: () => WorkerLike,
  options: WorkerDatasetOptions = {},
): Promise<WorkerDataset<K>> {
  const { workers = 1 } = options
  if (!(Number.isInteger(workers) && workers > 0)) {
    fail('workerDataset', `workers is ${workers}`, 'it must be a whole number above 0')
  }
  const crew = new Crew()
  try {
    const lengths = await Promise.all(Array.from({ length: workers }, () => crew.hire(start(), workers)))
    const [length = 0] = lengths
    if (lengths.some((other) => other !== length)) {
      fail('workerDataset', `workers hold ${lengths.join(', ')} samples`, 'each must serve the same dataset')
    }
    return {
      length,
      batch: (indices, signal) => crew.ask(indices, signal) as Promise<Record<K, HostArray>>,
      close: () => crew.end(new WgradError('workerDataset: the dataset was closed; open another')),
    }
  } catch (error) {
    crew.end(error)
    throw error
  }
}

/** A batch that was asked for. */
interface Job {
  id: number
  indices: Uint32Array
  resolve: (batch: Record<string, HostArray>) => void
  reject: (reason: unknown) => void
}

/** A worker, and the jobs that it was given and has not answered. */
interface Member {
  worker: WorkerLike
  jobs: Map<number, Job>
}

/** One job at work and one to follow without a pause. Others wait here, where calling them off costs nothing. */
const jobsPerWorker = 2

class Crew {
  readonly #members: Member[] = []
  readonly #waiting: Job[] = []
  /** What ends the wait for a worker's first word. */
  readonly #starting = new Set<(reason: unknown) => void>()
  #next = 0
  #ended: { reason: unknown } | null = null

  /** Takes a worker in; the length of its dataset. */
  hire(worker: WorkerLike, of: number): Promise<number> {
    const member: Member = { worker, jobs: new Map() }
    const name = `worker ${this.#members.push(member)} of ${of}`
    listenForEnd(worker, (reason) => this.end(new WgradError(`workerDataset: ${name} ended, ${reason}; start again`)))
    const ready = new Promise<number>((resolve, reject) => {
      this.#starting.add(reject)
      listenForPosts<WorkerAnswer>(worker, (answer) => {
        if (answer.type === 'ready') {
          this.#starting.delete(reject)
          worker.unref?.()
          resolve(answer.length)
        } else if (answer.type === 'failed') {
          this.end(carried(answer.error, `${name} could not make its dataset`))
        } else {
          this.#settle(member, answer)
        }
      })
    })
    // Where starting another one throws, nobody waits for this one.
    ready.catch(() => undefined)
    return ready
  }

  ask(indices: Uint32Array, signal?: AbortSignal): Promise<Record<string, HostArray>> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(this.#ended.reason)
      if (signal?.aborted) return reject(signal.reason)
      const onAbort = (): void => {
        this.#cancel(job)
        reject(signal?.reason)
      }
      const settled = (): void => signal?.removeEventListener('abort', onAbort)
      const job: Job = {
        id: this.#next++,
        indices,
        resolve: (batch) => {
          settled()
          resolve(batch)
        },
        reject: (reason) => {
          settled()
          reject(reason)
        },
      }
      signal?.addEventListener('abort', onAbort)
      this.#waiting.push(job)
      this.#assign()
    })
  }

  end(reason: unknown): void {
    if (this.#ended) return
    this.#ended = { reason }
    for (const { worker, jobs } of this.#members) {
      worker.terminate()
      for (const job of jobs.values()) job.reject(reason)
      jobs.clear()
    }
    for (const job of this.#waiting.splice(0)) job.reject(reason)
    for (const reject of this.#starting) reject(reason)
  }

  #assign(): void {
    while (this.#waiting.length > 0) {
      const idlest = this.#members.reduce((a, b) => (b.jobs.size < a.jobs.size ? b : a))
      if (idlest.jobs.size >= jobsPerWorker) return
      const job = this.#waiting.shift() as Job
      idlest.jobs.set(job.id, job)
      idlest.worker.ref?.()
      // A copy, since what is posted moves and a view would take all of its buffer along.
      const indices = job.indices.slice()
      post(idlest.worker, { type: 'batch', id: job.id, indices }, [indices.buffer])
    }
  }

  /** A worker that has the job may be past stopping; its place is free when it answers. */
  #cancel(job: Job): void {
    const at = this.#waiting.indexOf(job)
    if (at >= 0) this.#waiting.splice(at, 1)
    const busy = this.#members.find(({ jobs }) => jobs.has(job.id))
    if (busy) post(busy.worker, { type: 'cancel', id: job.id })
  }

  #settle(member: Member, answer: Extract<WorkerAnswer, { id: number }>): void {
    const job = member.jobs.get(answer.id)
    if (!job) return
    member.jobs.delete(answer.id)
    if (member.jobs.size === 0) member.worker.unref?.()
    this.#assign()
    if (answer.type === 'batch') job.resolve(answer.batch)
    else job.reject(carried(answer.error, `a batch of ${job.indices.length} samples failed in its worker`))
  }
}

/** An error of a worker, here: with its own text where that is ours already, and its stack as the cause. */
function carried({ name, message, stack }: ErrorText, what: string): WgradError {
  const cause = new Error(message)
  cause.name = name
  cause.stack = stack
  const isOurs = name === 'WgradError'
  const text = isOurs ? message : `workerDataset: ${what}, ${name}: ${message}; the cause has its stack`
  return new WgradError(text, { cause })
}
