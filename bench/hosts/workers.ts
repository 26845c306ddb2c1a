import type { Host, Room } from '../run/host.ts'
import { type Answer, Caller, cellCalls } from './messages.ts'

/** This page or worker: each room is a worker of its own, which can be ended where it hangs. */
export function workerHost(name: string): Host {
  const rooms = new Set<Room>()
  return {
    name,
    lacks: () => null,
    async room() {
      const worker = new Worker(new URL('./cell-worker.ts', import.meta.url), { type: 'module' })
      const caller = new Caller((request) => worker.postMessage(request))
      worker.onmessage = ({ data }: MessageEvent<Answer>) => caller.take(data)
      worker.onerror = (event) => caller.fail(`bench: the worker failed: ${event.message || 'it could not be loaded'}`)
      const room: Room = {
        ...cellCalls((method, args) => caller.call(method, args)),
        // Pages cannot ask for a garbage collection, without which the heap says nothing.
        heapBytes: async () => null,
        async kill() {
          rooms.delete(room)
          worker.terminate()
          caller.fail('bench: the worker was ended')
        },
      }
      rooms.add(room)
      await caller.ready
      return room
    },
    async close() {
      await Promise.all([...rooms].map((room) => room.kill()))
    },
  }
}
