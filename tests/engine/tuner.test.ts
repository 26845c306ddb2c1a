import { afterEach, describe, expect, test, vi } from 'vitest'
import { Device } from '../../src/gpu/device.ts'
import type { TuningStore } from '../../src/gpu/tuning-store.ts'
import { openClock } from '../../src/graph/tuner-clock.ts'
import { type Compiled, compile, type PrepareOptions, spec, type Tensor, tensor } from '../../src/index.ts'
import { openDevice } from '../../src/node.ts'
import { type Plant, planted } from './planted.ts'

const shape = [1000]
const work = 'planted f32[1000]'

/** A store in memory that shows what it holds. */
interface SeenStore extends TuningStore {
  text: string | null
}

function memoryStore(text: string | null = null): SeenStore {
  const store: SeenStore = {
    text,
    read: async () => store.text,
    async write(value) {
      store.text = value
    },
  }
  return store
}

const opened: Device[] = []

async function open(tuning: TuningStore | null = null): Promise<Device> {
  const device = await openDevice({ tuning })
  opened.push(device)
  return device
}

afterEach(() => {
  vi.restoreAllMocks()
  for (const device of opened.splice(0)) device.close()
})

type Step = Compiled<[Tensor], Tensor>

/** A step on a device, tuned. */
async function tuned(device: Device, plants: readonly Plant[], options: PrepareOptions = {}): Promise<Step> {
  const step = compile(planted(...plants), { device })
  await step.prepare([spec(shape)], { tune: true, budgetMs: 60_000, ...options })
  return step
}

async function expectDoubled(device: Device, step: Step): Promise<void> {
  const values = Float32Array.from({ length: 1000 }, (_, i) => Math.sin(i))
  const doubled = await step(tensor(values, { shape, device })).data()
  expect(doubled).toEqual(values.map((v) => 2 * v))
}

describe('the tuner', () => {
  test('takes the fastest kernel, which then runs', async () => {
    const device = await open()
    const step = await tuned(device, ['slow', 'sound', 'slower'])
    expect(device.variants.used()).toEqual({ [work]: 'sound' })
    const [answer] = device.variants.tuned()
    const { sound = 0, slow = 0 } = answer?.microseconds ?? {}
    expect(slow).toBeGreaterThan(sound)
    expect(device.variants.table().split('\n')[1]).toMatch(/^\* +[\d.]+ us {2}sound$/)
    await expectDoubled(device, step)
  })

  test('strikes off what is wrong, does not compile or is refused, and says why', async () => {
    const device = await open()
    const step = await tuned(device, [
      'slow',
      'lastWrong',
      'notFinite',
      'silent',
      'broken',
      'throwing',
      'tooWide',
      'sound',
      'slower',
    ])
    const struck = Object.fromEntries(device.variants.struck().map(({ name, why }) => [name, why]))
    expect(struck).toEqual({
      lastWrong: expect.stringMatching(/^its result differs from that of slow by .* at element 999 of .* output 0$/),
      notFinite: 'its result is not finite',
      silent: expect.stringMatching(/^its result differs from that of slow by 1\.0e\+0 of the largest element/),
      broken: expect.stringMatching(/planted\.wgsl:\d+: the shader does not compile: .*nothing/),
      throwing: 'planted: the dispatches cannot be written',
      tooWide: expect.stringMatching(/workgroup/),
    })
    expect(device.variants.used()).toEqual({ [work]: 'sound' })
    expect(device.variants.table()).toContain('struck     notFinite: its result is not finite')
    await expectDoubled(device, step)
  })

  test('strikes off a default that is wrong', async () => {
    const device = await open()
    const step = await tuned(device, ['allWrong', 'slow', 'sound'])
    expect(device.variants.struck().map(({ name }) => name)).toEqual(['allWrong'])
    await expectDoubled(device, step)
  })

  test('leaves work alone for which kernels are pinned; a pinned kernel that was struck off is unavailable', async () => {
    const device = await open()
    device.variants.pin({ [work]: 'slow' })
    await tuned(device, ['sound', 'slow', 'allWrong'])
    expect(device.variants.tuned()).toEqual([])
    expect(device.variants.used()).toEqual({ [work]: 'slow' })
    device.variants.unpin()
    await tuned(device, ['sound', 'slow', 'allWrong'])
    device.variants.pin({ [work]: 'allWrong' })
    const step = compile(planted('sound', 'slow', 'allWrong'), { device })
    await expectDoubled(device, step)
    expect(device.variants.unavailable).toEqual([{ work, wanted: 'allWrong', taken: 'sound' }])
  })

  test('gives back all memory but the plan, and the pipelines of those that lost', async () => {
    const plain = await open()
    const untuned = compile(planted('sound', 'slow'), { device: plain })
    await untuned.prepare([spec(shape)])
    const device = await open()
    const step = await tuned(device, ['sound', 'slow', 'slower'])
    expect(device.bytes).toBe(plain.bytes)
    expect(device.pool.used).toBe(plain.pool.used)
    expect(device.pipelines.created).toBe(3)
    await compile(planted('slower'), { device }).prepare([spec(shape)])
    expect(device.pipelines.created).toBe(4)
    for (const each of [untuned, step]) each.release()
  })

  test('serves compiled functions that were there before', async () => {
    const device = await open()
    const step = compile(planted('slow', 'sound'), { device })
    await expectDoubled(device, step)
    expect(device.variants.used()).toEqual({ [work]: 'slow' })
    await step.prepare([spec(shape)], { tune: true })
    await expectDoubled(device, step)
    expect(device.variants.used()).toEqual({ [work]: 'sound' })
  })
})

/** Two pieces of work, the larger one first in line. */
function twoWorks(device: Device): Compiled<[Tensor, Tensor], Tensor[]> {
  const double = planted('slow', 'sound')
  return compile((x: Tensor, y: Tensor) => [double(x), double(y)], { device })
}

const twoSpecs = [spec([500]), spec([2000])]

test('a GPU is measured by its timestamps, a software adapter by waiting', async () => {
  const real = await open()
  const waiting = await openClock(real)
  expect(waiting.batchMs).toBe(20)
  const device = new Device(real.handle, { ...real.info, software: false }, { tuning: null })
  const clock = await openClock(device)
  expect(clock.batchMs).toBeLessThan(20)
  clock.close()
  const step = await tuned(device, ['slow', 'sound'])
  const [answer] = device.variants.tuned()
  expect(answer?.taken).toBe('sound')
  // A thousand threads take the sine of a sine, two thousand times: no clock in other units than milliseconds says so.
  expect(answer?.microseconds.slow).toBeGreaterThan(300)
  expect(answer?.microseconds.slow).toBeLessThan(10_000_000)
  await expectDoubled(device, step)
})

test('the last element of a large output is compared', async () => {
  const device = await open()
  const step = compile(planted('sound', 'lastWrong'), { device })
  await step.prepare([spec([1500, 1000])], { tune: true, budgetMs: 60_000 })
  expect(device.variants.struck().map(({ name }) => name)).toEqual(['lastWrong'])
})

describe('tuning', () => {
  test('tells of its progress, then of that of the pipelines', async () => {
    const device = await open()
    const told: string[] = []
    await twoWorks(device).prepare(twoSpecs, { tune: true, onProgress: (...at) => told.push(at.join(' ')) })
    expect(told).toEqual(['0 2 tune', '1 2 tune', '2 2 tune', '1 2 compile', '2 2 compile'])
  })

  test('ends with its budget, the larger work measured first', async () => {
    const device = await open()
    let late = 0
    const now = performance.now.bind(performance)
    vi.spyOn(performance, 'now').mockImplementation(() => now() + late)
    const onProgress = (done: number): void => {
      if (done === 1) late = 120_000
    }
    const step = twoWorks(device)
    await step.prepare(twoSpecs, { tune: true, budgetMs: 100_000, onProgress })
    expect(device.variants.tuned().map((t) => t.work)).toEqual(['planted f32[2000]'])
    expect(device.variants.used()).toEqual({ 'planted f32[500]': 'slow', 'planted f32[2000]': 'sound' })
    await step.prepare(twoSpecs, { tune: true, budgetMs: 0 })
    expect(device.variants.tuned()).toHaveLength(1)
  })

  test('is called off by a signal; what was measured is kept and nothing else', async () => {
    const store = memoryStore()
    const device = await open(store)
    const stop = new AbortController()
    const onProgress = (done: number): void => {
      if (done === 1) stop.abort(new Error('enough'))
    }
    const tuning = twoWorks(device).prepare(twoSpecs, { tune: true, signal: stop.signal, onProgress })
    await expect(tuning).rejects.toThrow('enough')
    expect(device.variants.tuned()).toHaveLength(1)
    expect(device.bytes).toBe(0)
    const again = twoWorks(device).prepare(twoSpecs, { tune: true, signal: stop.signal })
    await expect(again).rejects.toThrow('enough')
    const other = await open(store)
    await twoWorks(other).prepare(twoSpecs, { tune: true, budgetMs: 0 })
    expect(other.variants.tuned()).toEqual([{ ...device.variants.tuned()[0], remembered: true }])
  })

  test('that is called off in the middle of a trial leaves no mark of it', async () => {
    const store = memoryStore()
    const stop = new AbortController()
    const write = store.write
    store.write = async (text) => {
      if (text.includes('sound":1')) stop.abort(new Error('enough'))
      await write(text)
    }
    await expect(tuned(await open(store), ['slow', 'sound'], { signal: stop.signal })).rejects.toThrow('enough')
    expect(JSON.parse(store.text as string).trials).toEqual({})
  })

  test('refuses a budget that is none', async () => {
    const device = await open()
    await expect(tuned(device, ['sound', 'slow'], { budgetMs: Number.NaN })).rejects.toThrow(
      'prepare: budgetMs is NaN; it must be a number of milliseconds of at least 0',
    )
  })
})

describe('a later start', () => {
  test('takes what is remembered and measures nothing', async () => {
    const store = memoryStore()
    const first = await open(store)
    await tuned(first, ['slow', 'allWrong', 'sound', 'sound'])
    const second = await open(store)
    const before = store.text
    const step = await tuned(second, ['slow', 'allWrong', 'sound', 'sound'])
    expect(second.variants.tuned()).toEqual(first.variants.tuned().map((t) => ({ ...t, remembered: true })))
    expect(second.pipelines.created).toBe(1)
    expect(second.queue.submits).toBe(0)
    expect(store.text).toBe(before)
    await expectDoubled(second, step)
  })

  test('measures again where the kernels are others, or what is remembered was reset', async () => {
    const store = memoryStore()
    const first = await open(store)
    await tuned(first, ['slow', 'sound'])
    const second = await open(store)
    await tuned(second, ['slow', 'sound', 'slower'])
    expect(second.variants.tuned()[0]?.remembered).toBe(false)
    await second.variants.reset()
    expect(second.variants.tuned()).toEqual([])
    const step = await tuned(await open(store), ['slow', 'sound'])
    const device = opened.at(-1) as Device
    expect(device.variants.tuned()[0]?.remembered).toBe(false)
    await expectDoubled(device, step)
  })

  test.each(['{"format":"wgr', '[]', '{"format":"wgrad.tuning","version":1,"answers":{"a":{"taken":3}},"trials":7}'])(
    'ignores what is damaged: %s',
    async (text) => {
      const store = memoryStore(text)
      const device = await open(store)
      await tuned(device, ['slow', 'sound'])
      expect(device.variants.notes).toEqual(
        text.endsWith('7}') ? [] : ['what was remembered of kernels is damaged; it is measured again'],
      )
      expect(device.variants.used()).toEqual({ [work]: 'sound' })
      expect(Object.keys(JSON.parse(store.text as string).answers)).toHaveLength(1)
    },
  )

  test('does without a store that fails, and says so', async () => {
    const fails = async (): Promise<never> => {
      throw new Error('no room')
    }
    const device = await open({ read: fails, write: fails })
    await tuned(device, ['slow', 'sound'])
    expect(device.variants.used()).toEqual({ [work]: 'sound' })
    expect(device.variants.notes).toEqual(['what was remembered of kernels cannot be used (Error: no room)'])
    expect(device.variants.table()).toContain('note: what was remembered')
  })

  test('does not try a kernel again under which the device was lost', async () => {
    const store = memoryStore()
    const real = await open()
    let lose: (info: GPUDeviceLostInfo) => void = () => {}
    const lost = new Promise<GPUDeviceLostInfo>((resolve) => {
      lose = resolve
    })
    const handle = new Proxy(real.handle, {
      get(target, name) {
        if (name === 'lost') return lost
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const device = new Device(handle, real.info, { tuning: store })
    const write = store.write
    store.write = async (text) => {
      if (text.includes('sound":1')) lose({ reason: 'unknown', message: 'hung' } as GPUDeviceLostInfo)
      await write(text)
    }
    await expect(tuned(device, ['slow', 'sound'])).rejects.toThrow(
      'tune: the device was lost (hung) while sound did planted f32[1000]; open a new device: the kernel will not be tried again',
    )
    const next = await open(store)
    await tuned(next, ['slow', 'sound'])
    expect(next.variants.used()).toEqual({ [work]: 'slow' })
    expect(next.variants.struck().map(({ name }) => name)).toEqual(['sound'])
  })

  test('does not try a kernel again under which the process ended twice', async () => {
    const texts: string[] = []
    const store = memoryStore()
    const write = store.write
    store.write = async (text) => {
      texts.push(text)
      await write(text)
    }
    await tuned(await open(store), ['slow', 'sound'])
    // What a process that ends under the trial of `sound` leaves behind, and the next one after it.
    const left = texts.find((text) => /sound":1/.test(text)) as string
    expect(JSON.parse(store.text as string).trials).toEqual({})
    for (const [times, expected] of [
      [1, 'sound'],
      [2, 'slow'],
    ] as const) {
      const device = await open(memoryStore(left.replace('sound":1', `sound":${times}`)))
      await tuned(device, ['slow', 'sound'])
      expect(device.variants.used()).toEqual({ [work]: expected })
      expect(device.variants.struck().map(({ why }) => why)).toEqual(
        times === 2 ? ['the device, the page or the process went away while it ran'] : [],
      )
    }
  })
})
