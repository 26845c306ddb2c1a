// A process with one contestant on Dawn; the program that forked it calls it through messages.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { nodeGpu } from '../../src/node.ts'
import { Cell } from '../cell.ts'
import { answerCall, type Request, ready } from './messages.ts'

const gpu = await nodeGpu()
Object.defineProperty(globalThis, 'navigator', {
  value: { gpu, userAgent: 'Node', hardwareConcurrency: 1 },
  configurable: true,
})
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const cell = new Cell(gpu)
const more = {
  async heapBytes() {
    collect()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    return heapUsed + arrayBuffers
  },
}

process.on('message', async (request: Request) => void process.send?.(await answerCall(cell, request, more)))
process.on('disconnect', () => process.exit(0))
process.send?.(ready)
