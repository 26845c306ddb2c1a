import { expect, test } from 'vitest'
import { setDefaultDevice } from '../../src/gpu/device.ts'
import { Queue } from '../../src/gpu/queue.ts'
import { compile, type Tensor, tensor } from '../../src/index.ts'
import { FakeGpu, fakeDevice } from './fake-device.ts'

function submitting(queue: Queue, cost: number, log: number[], name: number): void {
  queue.enqueue({
    cost,
    run: () => {
      log.push(name)
      queue.submit([], cost)
    },
  })
}

test('run-ahead is bounded by GPU time, and jobs keep their order', async () => {
  const gpu = new FakeGpu()
  gpu.holding = true
  const handle = { queue: { ...gpu.handle.queue, submit: () => {} } } as unknown as GPUDevice
  const queue = new Queue(handle, 100, (e) => {
    throw e
  })
  const log: number[] = []
  for (let i = 0; i < 20; i++) submitting(queue, 30, log, i)
  // Four jobs of 30 ms reach 100 ms.
  expect(log).toEqual([0, 1, 2, 3])
  for (let done = 1; done <= 16; done++) await gpu.finish()
  expect(log.length).toBeLessThanOrEqual(20)
  expect(log).toEqual(Array.from({ length: log.length }, (_, i) => i))
  await gpu.finish(100)
  await gpu.finish(100)
  expect(log).toEqual(Array.from({ length: 20 }, (_, i) => i))
})

test('two jobs may always be in flight, however long they are', () => {
  const gpu = new FakeGpu()
  gpu.holding = true
  const handle = { queue: { ...gpu.handle.queue, submit: () => {} } } as unknown as GPUDevice
  const queue = new Queue(handle, 100, () => {})
  const log: number[] = []
  for (let i = 0; i < 5; i++) submitting(queue, 5000, log, i)
  expect(log).toEqual([0, 1])
})

test('a job that waits for something holds back those behind it', async () => {
  const queue = new Queue(new FakeGpu().handle, 100, () => {})
  const log: string[] = []
  let open = (): void => {}
  queue.enqueue({
    cost: 0,
    run: () =>
      new Promise<void>((resolve) => {
        open = resolve
      }),
  })
  queue.enqueue({ cost: 0, run: () => void log.push('second') })
  queue.enqueue({ cost: 0, run: () => void log.push('third') })
  await Promise.resolve()
  expect(log).toEqual([])
  open()
  await queue.idle()
  expect(log).toEqual(['second', 'third'])
})

test('a job that is given by another one goes behind those that wait', async () => {
  const queue = new Queue(new FakeGpu().handle, 100, () => {})
  const log: string[] = []
  const job = (name: string, also = (): void => {}): void =>
    queue.enqueue({
      cost: 0,
      run: () => {
        log.push(name)
        also()
      },
    })
  queue.enqueue({ cost: 0, run: () => Promise.resolve() })
  job('a', () => job('c'))
  job('b')
  await queue.idle()
  expect(log).toEqual(['a', 'b', 'c'])
})

test('a job that throws tells its owner, or the queue, and the next one runs', async () => {
  const faults: unknown[] = []
  const queue = new Queue(new FakeGpu().handle, 100, (e) => faults.push(e))
  const told: unknown[] = []
  const broken = (): never => {
    throw new Error('broken')
  }
  queue.enqueue({ cost: 0, run: broken, fail: (e) => told.push(e) })
  queue.enqueue({ cost: 0, run: async () => broken() })
  const log: string[] = []
  queue.enqueue({ cost: 0, run: () => void log.push('after') })
  await queue.idle()
  expect(told).toHaveLength(1)
  expect(faults).toHaveLength(1)
  expect(log).toEqual(['after'])
})

test('a step is one submit while its cost fits the budget, and cut by its cost when it does not', async () => {
  const step = (x: Tensor): Tensor => {
    let y = x
    for (let i = 0; i < 10; i++) y = y.matmul(x).relu()
    return y
  }
  const data = new Float32Array(256 * 256)
  const submitsOf = async (submitBudgetMs: number): Promise<{ submits: number; passes: number; expected: number }> => {
    const { gpu, device } = fakeDevice({ submitBudgetMs, runAheadMs: 1e9 })
    setDefaultDevice(device)
    const compiled = compile(step)
    const { submits: expected } = await compiled.prepare([{ shape: [256, 256], dtype: 'f32' }])
    gpu.reset()
    compiled(tensor(data, { shape: [256, 256] }))
    return { submits: gpu.counts.submits, passes: gpu.counts.passes, expected }
  }
  expect(await submitsOf(1000)).toEqual({ submits: 1, passes: 1, expected: 1 })
  const cut = await submitsOf(0.03)
  expect(cut.submits).toBe(10)
  expect(cut.passes).toBe(10)
  expect(cut.expected).toBeLessThanOrEqual(12)
})
