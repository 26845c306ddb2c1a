import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { readAll } from '../../src/graph/tensor.ts'
import { type Device, grad, mul, recurrent, sum, type Tensor, tensor } from '../../src/index.ts'
import { openDevice } from '../../src/node.ts'
import { cutName, type recurrentCuts, type StepCut, stretches } from '../../src/ops/recurrent-cuts.ts'
import { distance } from '../golden/golden.ts'
import { recurrentBySteps } from './recurrent-by-steps.ts'

/** Steps of a dispatch here, where a device would take all; or one step, in tiles smaller than the layer, by threads and rows. */
let most: number | readonly [wx: number, wy: number, rows: number] = 2

vi.mock('../../src/ops/recurrent-cuts.ts', async (original) => {
  const kernels = await original<typeof import('../../src/ops/recurrent-cuts.ts')>()
  const tiles = (): StepCut => {
    const [wx, wy, rows] = most as readonly [number, number, number]
    return { form: 'step', rows, wx, wy, bk: 8 }
  }
  const cuts: typeof recurrentCuts = (...given) =>
    kernels
      .recurrentCuts(...given)
      .map((cut) => (cut.form === 'step' || typeof most !== 'number' ? tiles() : { ...cut, steps: most }))
  return { ...kernels, recurrentCuts: cuts }
})

let gpu: Device
beforeAll(async () => {
  gpu = await openDevice()
})
afterAll(() => gpu.close())

const wave = (shape: readonly number[], speed: number): Tensor =>
  tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(speed * i + 0.3)),
    { shape, requiresGrad: true },
  )

it.each([
  ['lstm', true, 2, 4],
  ['gru', false, 2, 4],
  ['tanh', false, 2, 4],
  ['lstm', false, [4, 1, 2], 20],
  ['gru', true, [4, 2, 1], 9],
  ['relu', false, [2, 1, 4], 12],
] as const)(
  'a layer in several dispatches agrees with one written in ops: %s, reversed %s, cut %s, %i units',
  async (...given) => {
    const [cell, reversed, steps, units] = given
    most = steps
    const gates = { lstm: 4, gru: 3, tanh: 1, relu: 1 }[cell]
    const [batch, time] = [3, 5]
    const w = mul(wave([gates * units, units], 0.37), 2 / units)
    const x = wave([batch, time, gates * units], 0.7)
    const bias = cell === 'gru' ? wave([gates * units], 0.9) : null
    const state = wave([cell === 'lstm' ? 2 : 1, batch, units], 0.3)
    const options = { bias, state, lengths: tensor(Int32Array.of(5, 1, 4)), reversed }
    const wanted = [x, w, state, ...(bias ? [bias] : [])]
    const valuesOf = ([output, last]: readonly [Tensor, Tensor]): Promise<ArrayLike<number>[]> => {
      const loss = sum(mul(output, output)).add(sum(mul(last, last)))
      return readAll([output, last, ...grad(loss, wanted)])
    }
    const { output, last } = recurrent(cell, x, w, options)
    const cut = await valuesOf([output, last])
    const ending = typeof steps === 'number' ? `-${steps}` : `step-${steps.join('x')}`
    const used = Object.entries(gpu.variants.used()).filter(([work]) => work.includes(`"${cell}"`))
    expect(used.filter(([, name]) => name.endsWith(ending))).toHaveLength(2)
    const slow = await valuesOf(recurrentBySteps(cell, x, w, options))
    for (const [i, values] of slow.entries())
      expect(distance(cut[i] as ArrayLike<number>, values), `${i}`).toBeLessThan(1e-5)
  },
)

it('is cut evenly, and only where a dispatch would take too long', async () => {
  const { recurrentCuts: real } = await vi.importActual<typeof import('../../src/ops/recurrent-cuts.ts')>(
    '../../src/ops/recurrent-cuts.ts',
  )
  const traits = {
    software: true,
    maxBuffers: 8,
    maxBindingBytes: 2 ** 27,
    maxWorkgroupBytes: 16384,
    maxInvocations: 256,
    quads: false,
  }
  const stepsOf = (time: number, units: number, software: boolean): number | undefined => {
    const [cut] = real({ cell: 'lstm', batch: 16, time, units }, 1, { ...traits, software })
    return cut?.form === 'step' ? 1 : cut?.steps
  }
  expect(stepsOf(256, 64, true)).toBe(256)
  expect(stepsOf(10_000, 64, false)).toBe(10_000)
  expect(stepsOf(2_000, 64, true)).toBeLessThan(2_000)
  const cut = { form: 'whole', rows: 1, threads: 4, columns: 4, steps: 3 } as const
  expect(stretches(cut, 7)).toEqual([
    { start: 0, steps: 3 },
    { start: 3, steps: 3 },
    { start: 6, steps: 1 },
  ])
  // On a GPU workgroups share large weights, in the largest tiles that keep it busy.
  const tiles = (batch: number, units: number): (string | undefined)[] =>
    [1, 4].map((wide) => {
      const [cut] = real({ cell: 'lstm', batch, time: 8, units }, wide, { ...traits, software: false })
      return cut && cutName(cut, 8)
    })
  expect(tiles(1, 512)).toEqual(['step-4x4x1', 'step-4x4x1'])
  expect(tiles(64, 512)).toEqual(['step-16x16x1', 'step-4x16x1'])
  expect(tiles(1024, 512)).toEqual(['step-16x16x4', 'step-16x16x4'])
  expect(stepsOf(8, 512, false)).toBe(1)
})
