import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { crossEntropy, type Device, grad, noGrad, openDevice } from '../../src/index.ts'
import { bound, channelsFirst, distance, type Entry, initialState, norm, readGolden } from './golden.ts'
import { batchTensors } from './models.ts'
import { loadedModel, lossAndSlope, train } from './training.ts'

let device: Device
beforeAll(async () => {
  device = await openDevice()
})
afterAll(() => device.close())

describe.each(['mlp', 'cnn', 'block'])('%s', (name) => {
  const golden = readGolden(name)
  const { probe } = golden

  /** Values as PyTorch lays them out: four axes are channels last on the device. */
  const inTorchLayout = (data: ArrayLike<number>, { shape }: Entry): ArrayLike<number> =>
    shape.length === 4 ? channelsFirst(data, shape) : data

  function expectClose(actual: ArrayLike<number>, entry: Entry, what: string): void {
    expect(distance(actual, golden.values(entry)), what).toBeLessThanOrEqual(bound(entry.d))
  }

  it('gives the state dict back as it was loaded', async () => {
    const state = await loadedModel(golden).stateDict()
    expect(Object.keys(state)).toEqual(golden.keys)
    for (const [key, { shape, data }] of Object.entries(initialState(golden))) {
      expect(state[key]?.shape, key).toEqual(shape)
      expect(Array.from(state[key]?.data ?? []), key).toEqual(Array.from(data))
    }
  })

  it('has the outputs, the loss and every gradient of PyTorch', async () => {
    const model = loadedModel(golden)
    model.train()
    const { x, y } = batchTensors(golden, 0, true)
    const outputs = model.forward(x)
    const loss = crossEntropy(outputs, y)
    const parameters = [...model.parameters()]
    const wanted = probe.inputGradient === undefined ? parameters : [...parameters, x]
    const gradients = await Promise.all(grad(loss, wanted).map((gradient) => gradient.data()))

    expectClose(await outputs.data(), probe.outputs, 'outputs')
    expect(Math.abs((await loss.item()) - probe.loss) / probe.loss, 'loss').toBeLessThanOrEqual(bound(probe.d))
    const all = norm(...Object.values(probe.gradients).map((entry) => golden.values(entry)))
    for (const [i, [key, entry]] of Object.entries(probe.gradients).entries()) {
      const actual = inTorchLayout(gradients[i] ?? [], entry)
      if (probe.zero.includes(key)) expect(norm(actual) / all, key).toBeLessThanOrEqual(1e-5)
      else expectClose(actual, entry, key)
    }
    if (probe.inputGradient !== undefined) {
      expectClose(inTorchLayout(gradients.at(-1) ?? [], probe.inputGradient), probe.inputGradient, 'input gradient')
    }
  })

  it.each(golden.runs.map((run) => ({ ...run, title: `${run.optimizer} ${JSON.stringify(run.options)}` })))(
    'trains as PyTorch does with $title',
    async (run) => {
      const { losses, model } = await train(golden, run, golden.steps)
      const [first = 0] = run.losses
      for (const [s, expected] of run.losses.entries()) {
        const allowed = bound(run.d[s] ?? 0) * Math.max(expected, 0.1 * first)
        expect(Math.abs((losses[s] ?? Number.NaN) - expected), `loss of step ${s}`).toBeLessThanOrEqual(allowed)
      }

      const state = await model.stateDict()
      for (const [key, entry] of Object.entries(run.state)) {
        if (run.undetermined.includes(key)) expect(norm(state[key]?.data ?? [Number.NaN]), key).not.toBeNaN()
        else expectClose(state[key]?.data ?? [], entry, key)
      }
      for (const [key, count] of Object.entries(run.counters))
        expect(Array.from(state[key]?.data ?? []), key).toEqual([count])

      model.eval()
      const evaluated = await noGrad(() => model.forward(batchTensors(golden, 0).x)).data()
      if (run.undetermined.length === 0) expectClose(evaluated, run.evaluated, 'outputs in evaluation mode')
    },
  )

  it('gives the same bits however the buffers are shared and the kernels ordered', async () => {
    const run = golden.runs.find(({ optimizer }) => optimizer === 'AdamW')
    if (run === undefined) throw new Error(`${name} has no run with AdamW`)
    const bits = async (debug: { reuse: boolean; order?: number; poison?: boolean }): Promise<number[][]> => {
      const { losses, slopes, model } = await train(golden, run, 6, { debug })
      const state = Object.values(await model.stateDict()).map(({ data }) => Array.from(data))
      return [losses, slopes, ...state]
    }
    const expected = await bits({ reuse: true })
    expect(expected.flat().every(Number.isFinite)).toBe(true)

    const untrained = loadedModel(golden)
    untrained.train()
    const { x, y } = batchTensors(golden, 1)
    const slope = await lossAndSlope(untrained, x, y).slope.item()
    expect(Math.abs((expected[1]?.[0] ?? Number.NaN) - slope)).toBeLessThanOrEqual(1e-4 * Math.abs(slope))

    for (const debug of [
      { reuse: true },
      { reuse: false },
      { reuse: true, poison: true },
      { reuse: true, order: 1 },
      { reuse: true, order: 2, poison: true },
      { reuse: false, order: 3 },
    ]) {
      expect(await bits(debug), JSON.stringify(debug)).toEqual(expected)
    }
  })
})
