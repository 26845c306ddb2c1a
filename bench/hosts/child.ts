// A process with one contestant on Dawn; the program that forked it calls it through messages.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { nodeGpu } from '../../src/node.ts'
import { Cell } from '../cell.ts'

/** A call, and its answer. */
export interface Request {
  readonly id: number
  readonly method: string
  readonly args: readonly unknown[]
}
export type Answer = { readonly id: number } & ({ readonly result: unknown } | { readonly error: string })

const gpu = await nodeGpu()
Object.defineProperty(globalThis, 'navigator', {
  value: { gpu, userAgent: 'Node', hardwareConcurrency: 1 },
  configurable: true,
})
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const cell = new Cell(gpu)
const methods: Readonly<Record<string, (...args: never[]) => Promise<unknown>>> = {
  open: cell.open.bind(cell),
  prepare: cell.prepare.bind(cell),
  time: cell.time.bind(cell),
  usage: cell.usage.bind(cell),
  release: cell.release.bind(cell),
  roof: cell.roof.bind(cell),
  async heapBytes() {
    collect()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    return heapUsed + arrayBuffers
  },
}

process.on('message', async ({ id, method, args }: Request) => {
  const answer = (message: Answer): void => void process.send?.(message)
  try {
    const act = methods[method]
    if (!act) throw new Error(`bench: there is no call ${method}`)
    answer({ id, result: await act(...(args as never[])) })
  } catch (error) {
    answer({ id, error: error instanceof Error ? error.message : String(error) })
  }
})
process.on('disconnect', () => process.exit(0))
process.send?.({ id: 0, result: null } satisfies Answer)
