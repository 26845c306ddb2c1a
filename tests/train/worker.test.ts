import type { EventEmitter } from 'node:events'
import { MessageChannel } from 'node:worker_threads'
import { afterEach, describe, expect, test } from 'vitest'
import type { WorkerPort } from '../../src/data/worker-port.ts'
import { DeviceLostError, WgradError } from '../../src/errors.ts'
import { type Caller, connectPort, type Server, servePort, transferred } from '../../src/train/worker.ts'

type Calls = {
  sum: { input: Float32Array; output: number }
  double: { input: Float32Array; output: Float32Array }
  fail: { input: 'lost' | 'plain' | 'text'; output: never }
  wait: { input: null; output: never }
}
type Events = { step: { loss: number }; bytes: Uint8Array }

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

interface Pair {
  caller: Caller<Calls, Events>
  server: Server<Events>
  /** What the serving side saw of its signals. */
  cancelled: unknown[]
  ports: { near: WorkerPort; far: WorkerPort }
}

function pair(): Pair {
  const { port1, port2 } = new MessageChannel()
  const near = port1 as unknown as WorkerPort
  const far = port2 as unknown as WorkerPort
  const cancelled: unknown[] = []
  const server = servePort<Calls, Events>(far, {
    sum: (values) => values.reduce((total, value) => total + value, 0),
    async double(values) {
      const output = values.map((value) => 2 * value)
      return transferred(output, [output.buffer])
    },
    fail(how) {
      if (how === 'lost') throw new DeviceLostError('read: the device was lost')
      throw how === 'plain' ? new RangeError('too far') : 'just text'
    },
    wait: (_, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          cancelled.push(signal.reason)
          reject(signal.reason)
        })
      }),
  })
  const caller = connectPort<Calls, Events>(near)
  closing.push(() => port1.close())
  return { caller, server, cancelled, ports: { near, far } }
}

describe('a call', () => {
  test('is answered, several at a time', async () => {
    const { caller } = pair()
    const waiting = caller.call('wait', null)
    waiting.catch(() => undefined)
    expect(await caller.call('sum', Float32Array.of(1, 2, 3))).toBe(6)
    expect(Array.from(await caller.call('double', Float32Array.of(1, 2)))).toEqual([2, 4])
    caller.close()
    await expect(waiting).rejects.toThrow('connectPort: the connection was closed; connect anew')
  })

  test('moves its buffers, both ways, where asked', async () => {
    const { caller, ports } = pair()
    const sent: ArrayBuffer[][] = []
    const post = ports.far.postMessage.bind(ports.far)
    ports.far.postMessage = (message, options) => {
      const { transfer } = options as { transfer: ArrayBuffer[] }
      sent.push(transfer)
      post(message, options)
    }
    const copied = Float32Array.of(1, 2)
    await caller.call('sum', copied)
    expect(copied.length).toBe(2)
    const moved = Float32Array.of(1, 2)
    await caller.call('double', moved, { transfer: [moved.buffer] })
    expect(moved.length).toBe(0)
    expect(sent.map((list) => list.map((buffer) => buffer.byteLength))).toEqual([[], [0]])
  })

  test('rejects with the text and the class of what was thrown', async () => {
    const { caller } = pair()
    const caught = async (how: Calls['fail']['input']): Promise<Error> =>
      caller.call('fail', how).catch((error: Error) => error)
    const lost = await caught('lost')
    expect(lost).toBeInstanceOf(DeviceLostError)
    expect(lost).toBeInstanceOf(WgradError)
    expect(lost.message).toBe('read: the device was lost')
    expect(lost.stack).toContain('worker.test.ts')
    expect(await caught('plain')).toMatchObject({ name: 'RangeError', message: 'too far' })
    expect(await caught('text')).toMatchObject({ name: 'Error', message: 'just text' })
  })

  test('to a name that is not served rejects', async () => {
    const { caller } = pair()
    const other = caller as unknown as Caller<{ toString: { input: null; output: null } }, Events>
    await expect(other.call('toString', null)).rejects.toThrow(
      "servePort: there is no 'toString'; call one of sum, double, fail, wait",
    )
  })

  test('that cannot be sent rejects and leaves nothing waiting', async () => {
    const { caller } = pair()
    const odd = caller as unknown as Caller<{ sum: { input: () => void; output: number } }, Events>
    await expect(odd.call('sum', () => undefined)).rejects.toThrow('could not be cloned')
    expect(await caller.call('sum', Float32Array.of(4))).toBe(4)
  })
})

describe('cancelling', () => {
  test('rejects at once and aborts the signal on the other side', async () => {
    const { caller, cancelled } = pair()
    const control = new AbortController()
    const waiting = caller.call('wait', null, { signal: control.signal })
    control.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    await caller.call('sum', Float32Array.of(1))
    expect(cancelled).toEqual([expect.objectContaining({ name: 'AbortError', message: 'the call was cancelled' })])
  })

  test('before the call sends nothing, after the answer changes nothing', async () => {
    const { caller, cancelled, ports } = pair()
    let sent = 0
    const post = ports.near.postMessage.bind(ports.near)
    ports.near.postMessage = (message, options) => {
      sent++
      post(message, options)
    }
    await expect(caller.call('wait', null, { signal: AbortSignal.abort(new Error('never')) })).rejects.toThrow('never')
    expect(sent).toBe(0)
    const control = new AbortController()
    await caller.call('sum', Float32Array.of(1), { signal: control.signal })
    control.abort()
    expect(sent).toBe(1)
    expect(cancelled).toEqual([])
  })

  test('comes with the closing of the serving side', async () => {
    const { caller, server, cancelled } = pair()
    const waiting = caller.call('wait', null)
    await caller.call('sum', Float32Array.of(1))
    server.close()
    await expect(waiting).rejects.toThrow('the call was cancelled')
    expect(cancelled).toHaveLength(1)
  })
})

test('events reach those who listen, until they stop', async () => {
  const { caller, server } = pair()
  const heard: unknown[] = []
  const stop = caller.on('step', ({ loss }) => heard.push(loss))
  caller.on('bytes', (bytes) => heard.push(Array.from(bytes)))
  server.emit('step', { loss: 2 })
  const bytes = Uint8Array.of(1, 2)
  server.emit('bytes', bytes, [bytes.buffer])
  expect(bytes.length).toBe(0)
  await caller.call('sum', Float32Array.of(1))
  stop()
  server.emit('step', { loss: 1 })
  await caller.call('sum', Float32Array.of(1))
  expect(heard).toEqual([2, [1, 2]])
})

test('a worker that fails rejects what waits and what comes after', async () => {
  const { caller, ports } = pair()
  const waiting = caller.call('wait', null)
  ;(ports.near as unknown as EventEmitter).emit('error', new RangeError('boom'))
  const text = 'connectPort: the worker failed: RangeError: boom; start a new one'
  await expect(waiting).rejects.toThrow(text)
  await expect(caller.call('sum', Float32Array.of(1))).rejects.toThrow(text)
})
