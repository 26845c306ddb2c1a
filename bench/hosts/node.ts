import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Host, Room } from '../run/host.ts'
import { type Answer, Caller, cellCalls } from './messages.ts'

const browserOnly: Readonly<Record<string, string>> = {
  ort: 'onnxruntime-web has no WebGPU in Node',
}

/** Dawn in Node: each room is a process of its own, which `program` runs. */
export function nodeHost(program: string = fileURLToPath(new URL('child.mjs', import.meta.url))): Host {
  const rooms = new Set<Room>()
  return {
    name: `Node ${process.version}`,
    lacks: (contestant) => browserOnly[contestant] ?? null,
    async room() {
      // A group of its own, so that Ctrl-C reaches the program alone.
      const child = fork(program, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], detached: true })
      const caller = new Caller((request) => child.send(request))
      let told = ''
      child.stderr?.on('data', (text: Buffer) => {
        told = `${told}${text}`.slice(-2000)
      })
      child.on('message', (answer: Answer) => caller.take(answer))
      const exited = new Promise<void>((resolve) =>
        child.once('exit', (code, signal) => {
          caller.fail(`bench: the process ended (${signal ?? code}) ${told.trim().split('\n').at(-1) ?? ''}`)
          resolve()
        }),
      )
      const room: Room = {
        ...cellCalls((method, args) => caller.call(method, args)),
        heapBytes: () => caller.call('heapBytes') as Promise<number>,
        async kill() {
          rooms.delete(room)
          child.kill('SIGKILL')
          await exited
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
