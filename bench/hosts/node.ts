import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { CellCalls } from '../cell.ts'
import type { Host, Room } from '../run/host.ts'
import type { Answer } from './child.ts'

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
      const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
      let told = ''
      child.stderr?.on('data', (text: Buffer) => {
        told = `${told}${text}`.slice(-2000)
      })
      child.on('message', (answer: Answer) => {
        const call = waiting.get(answer.id)
        waiting.delete(answer.id)
        if ('error' in answer) call?.reject(new Error(answer.error))
        else call?.resolve(answer.result)
      })
      const exited = new Promise<void>((resolve) =>
        child.once('exit', (code, signal) => {
          for (const { reject } of waiting.values())
            reject(new Error(`bench: the process ended (${signal ?? code}) ${told.trim().split('\n').at(-1) ?? ''}`))
          waiting.clear()
          resolve()
        }),
      )
      let calls = 0
      const ask = (id: number): Promise<unknown> =>
        new Promise((resolve, reject) => waiting.set(id, { resolve, reject }))
      const send = async (method: string, args: readonly unknown[]): Promise<unknown> => {
        const id = ++calls
        const answer = ask(id)
        child.send({ id, method, args })
        return answer
      }
      const call = <K extends keyof CellCalls>(
        method: K,
        ...args: Parameters<CellCalls[K]>
      ): ReturnType<CellCalls[K]> => send(method, args) as ReturnType<CellCalls[K]>
      const room: Room = {
        open: (contestant, options) => call('open', contestant, options),
        prepare: (task) => call('prepare', task),
        time: (runs) => call('time', runs),
        usage: (runs) => call('usage', runs),
        release: () => call('release'),
        roof: () => call('roof'),
        heapBytes: () => send('heapBytes', []) as Promise<number>,
        async kill() {
          rooms.delete(room)
          child.kill('SIGKILL')
          await exited
        },
      }
      rooms.add(room)
      await ask(0)
      return room
    },
    async close() {
      await Promise.all([...rooms].map((room) => room.kill()))
    },
  }
}
