import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { random, readSeries, type Series, SeriesWindows } from '../../src/data/index.ts'
import {
  Forecaster,
  fitLinear,
  forecastData,
  forecastNext,
  forecastScores,
  forecastWindows,
  levelOf,
  maskedMseLoss,
  naiveForecast,
  pinballLoss,
  quantileScores,
  uncrossed,
  windowTargets,
} from '../../src/models/index.ts'
import { type Device, manualSeed, openDevice, tensor } from '../../src/node.ts'

const { NaN: none } = Number

let device: Device
beforeAll(async () => {
  device = await openDevice()
})
afterAll(() => device.close())

function messageOf(work: () => unknown): string {
  try {
    work()
    return 'nothing thrown'
  } catch (error) {
    return (error as Error).message
  }
}

/** Series of two values, of which `a` is 0.6 of its last value, 0.3 of the last of `b`, and noise. */
function drawnSeries(steps: number): Series {
  const { uniform } = random(3)
  const data = new Float32Array(2 * steps)
  for (let t = 0; t < steps; t++) {
    const before = (k: number): number => data[2 * (t - 1) + k] ?? 0
    data[2 * t] = 0.6 * before(0) + 0.3 * before(1) + 5 + 0.01 * (uniform() - 0.5)
    data[2 * t + 1] = 10 * uniform()
  }
  return { data, shape: [steps, 2], names: ['a', 'b'] }
}

describe('losses', () => {
  const y = [1, 2, 3, 4]
  const output = [1.5, 2, 1.7, -4]
  const present = [1, 1, 1, 0]
  const t = (data: number[], shape: number[]): ReturnType<typeof tensor> => tensor(Float32Array.from(data), { shape })

  test('leave out targets that are missing', async () => {
    const loss = maskedMseLoss(t(output, [2, 2, 1]), t(y, [2, 2, 1]), t(present, [2, 2, 1]))
    expect(await loss.item()).toBeCloseTo((0.25 + 0 + 1.69) / 3, 6)
    const nothing = maskedMseLoss(t(output, [2, 2, 1]), t(y, [2, 2, 1]), t([0, 0, 0, 0], [2, 2, 1]))
    expect(await nothing.item()).toBe(0)
  })

  test('of quantiles weigh errors above and below by the level', async () => {
    const both = output.flatMap((value) => [value, value + 1])
    const loss = pinballLoss(t(both, [4, 1, 1, 2]), t(y, [4, 1, 1]), t(present, [4, 1, 1]), [0.25, 0.9])
    const pinball = (q: number, error: number): number => (error > 0 ? q * error : (q - 1) * error)
    const errors = [0, 1, 2].flatMap((i) => [
      pinball(0.25, (y[i] as number) - (both[2 * i] as number)),
      pinball(0.9, (y[i] as number) - (both[2 * i + 1] as number)),
    ])
    expect(await loss.item()).toBeCloseTo(errors.reduce((a, b) => a + b) / 6, 6)
  })

  test('refuse outputs of another shape', () => {
    expect(messageOf(() => maskedMseLoss(t(output, [4]), t(y, [2, 2]), t(present, [2, 2])))).toBe(
      'maskedMseLoss: the output is [4]; for these targets it must be [2, 2]',
    )
    expect(messageOf(() => pinballLoss(t(output, [4]), t(y, [4]), t(present, [4]), [0.5]))).toBe(
      'pinballLoss: the output is [4]; for these targets it must be [4, 1]',
    )
  })
})

describe('baselines', () => {
  test('a linear fit finds what a series is made of, also where targets are missing', () => {
    const { data, shape } = drawnSeries(400)
    const targets = Float32Array.from({ length: 800 }, (_, i) => (i % 2 ? 1 : i % 14 ? (data[i] as number) : none))
    const windows = new SeriesWindows({ data, shape }, { data: targets, shape }, { window: 1 })
    const { weight, bias } = fitLinear(windows)
    expect(weight[0]).toBeCloseTo(0.6, 2)
    expect(weight[1]).toBeCloseTo(0.3, 2)
    expect(bias[0]).toBeCloseTo(5, 1)
    // The second target is always 1.
    expect([weight[2], weight[3]].map((w = 1) => Math.abs(w) < 1e-4)).toEqual([true, true])
    expect(bias[1]).toBeCloseTo(1, 3)
  })

  test('a linear fit is that of normal equations in f64, and of all steps of a horizon', () => {
    const data = forecastData(drawnSeries(60), { targets: ['b', 'a'], window: 2, horizon: 3, test: 10 })
    const fit = fitLinear(data.train)
    const forecast = fit.forecast(data.train)
    const truth = windowTargets(data.train)
    // What is left over is orthogonal to each input and to the constant, up to the rounding of weights to f32.
    for (let k = 0; k < 6; k++) {
      for (let i = 0; i < 5; i++) {
        let product = 0
        for (let w = 0; w < data.train.length; w++) {
          const { x } = data.train.batch(Uint32Array.of(w))
          product += ((truth[w * 6 + k] as number) - (forecast[w * 6 + k] as number)) * (x.data[i] ?? 1)
        }
        expect(Math.abs(product)).toBeLessThan(1e-3)
      }
    }
    expect(messageOf(() => fitLinear(new SeriesWindows(...twoSteps(), { window: 2, to: 6 })))).toMatch(
      /^fitLinear: 4 windows with target 0 and 5 coefficients; give a longer series/,
    )
  })

  test('naive ones take the last value, or that of a season before', () => {
    const target = Float32Array.of(0, 1, 2, none, 4, 5, 6, 7)
    const windows = new SeriesWindows(
      { data: new Float32Array(8), shape: [8, 1] },
      { data: target, shape: [8, 1] },
      { window: 2, horizon: 2, from: 4 },
    )
    // From step 4 on, of which the last known is 2; then 4; then 5.
    expect(Array.from(naiveForecast(windows))).toEqual([2, 2, 4, 4, 5, 5])
    // Seasons of 3: steps 1 and 2, 2 and (missing, so) 2, (missing) 2 and 4.
    expect(Array.from(naiveForecast(windows, 3))).toEqual([1, 2, 2, 2, 2, 4])
    expect(messageOf(() => naiveForecast(windows, 0))).toMatch(/^naiveForecast: season is 0/)
  })
})

function twoSteps(): [{ data: Float32Array; shape: number[] }, { data: Float32Array; shape: number[] }] {
  return [
    { data: new Float32Array(16).fill(1), shape: [8, 2] },
    { data: new Float32Array(8), shape: [8, 1] },
  ]
}

test('data keep the scale of the steps to train on, and nothing of the test', () => {
  const series = drawnSeries(40)
  const changed = { ...series, data: series.data.map((v, i) => (i >= 60 ? 1e6 : v)) }
  const options = { targets: ['b'], window: 4, horizon: 2, test: 10 }
  const [one, two] = [forecastData(series, options), forecastData(changed, options)]
  expect(two.normalizer.shift).toEqual(one.normalizer.shift)
  const all = Uint32Array.from({ length: one.train.length }, (_, i) => i)
  expect(two.train.batch(all)).toEqual(one.train.batch(all))
  expect(one.train.length).toBe(30 - 4 - 1)
  expect(one.test.length).toBe(9)
  expect(one.unscale(windowTargets(one.test))[0]).toBeCloseTo(series.data[61] as number, 5)
  expect([
    messageOf(() => forecastData(series, { ...options, targets: ['c'] })),
    messageOf(() => forecastData(series, { ...options, targets: [] })),
    messageOf(() => forecastData(series, { ...options, test: 36 })),
    messageOf(() => forecastData(series, { ...options, test: 1 })),
    messageOf(() => forecastData(readSeries(`a,b\n${'1,NA\n'.repeat(30)}1,2\n1,3`), { ...options, test: 2 })),
  ]).toMatchInlineSnapshot(`
    [
      "forecastData: there is no 'c' to forecast; the series has a, b",
      "forecastData: no targets are given; name one of a, b",
      "forecastData: 4 of 40 steps are left to train on; a window of 4 and a horizon of 2 need at least 6",
      "forecastData: test is 1 steps and the horizon 2; test with at least one horizon",
      "forecastData: b has no value in the 30 steps to train on; leave it out",
    ]
  `)
})

describe('a forecaster', () => {
  const x = tensorOf([3, 4, 2])

  function tensorOf(shape: number[]): () => ReturnType<typeof tensor> {
    const { uniform } = random(5)
    const data = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => uniform() - 0.5)
    return () => tensor(data, { shape })
  }

  test.each(['lstm', 'gru', 'rnn'] as const)('of %s has an output for each step, target and level', (cell) => {
    const config = { inputSize: 2, targets: [1, 0], window: 4, horizon: 3, cell, hiddenSize: 5, numLayers: 2 }
    expect(new Forecaster(config).forward(x()).shape).toEqual([3, 3, 2])
    expect(new Forecaster({ ...config, quantiles: [0.1, 0.9] }).forward(x()).shape).toEqual([3, 3, 2, 2])
  })

  test('starts as the last value, or as the linear fit, that it adds to', async () => {
    const config = { inputSize: 2, targets: [1], window: 4, horizon: 2, hiddenSize: 5, quantiles: [0.2, 0.8] }
    const seen = await x().data()
    const bias = (model: Forecaster): Promise<ArrayLike<number>> =>
      (model.head.bias as NonNullable<typeof model.head.bias>).data()
    const last = new Forecaster({ ...config, residual: 'last' })
    const offsets = await bias(last)
    const made = await last.forward(x()).data()
    for (const [i, value] of made.entries())
      expect(value).toBeCloseTo((seen[Math.floor(i / 4) * 8 + 7] as number) + (offsets[i % 4] as number), 5)

    const linear = new Forecaster({ ...config, quantiles: [], residual: 'linear' })
    const weight = Float32Array.from({ length: 16 }, (_, i) => i - 7)
    linear.setLinear({ weight, bias: Float32Array.of(1, 2), forecast: () => new Float32Array() })
    const shift = await bias(linear)
    const sums = await linear.forward(x()).data()
    for (const [i, value] of sums.entries()) {
      const k = i % 2
      let sum = k + 1 + (shift[k] as number)
      for (let j = 0; j < 8; j++) sum += (weight[k * 8 + j] as number) * (seen[Math.floor(i / 2) * 8 + j] as number)
      expect(value).toBeCloseTo(sum, 4)
    }
    expect(Object.keys(await linear.stateDict()).filter((key) => key.startsWith('linear'))).toHaveLength(2)
    expect(linear.parameters()).not.toContain(linear.linearWeight)
  })

  test('walks forward over windows, with a batch that is cut short', async () => {
    manualSeed(1)
    const data = forecastData(drawnSeries(60), { targets: ['a'], window: 4, horizon: 2, test: 20 })
    const model = new Forecaster({ inputSize: 2, targets: data.targets, window: 4, horizon: 2, hiddenSize: 3 })
    const together = await forecastWindows(model, data.test)
    expect(together).toHaveLength(19 * 2)
    const apart = await forecastWindows(model, data.test, { batchSize: 8 })
    apart.forEach((value, i) => {
      expect(value).toBeCloseTo(together[i] as number, 6)
    })
  })

  test('forecasts what comes after the end as if it were the first window of a test', async () => {
    manualSeed(1)
    const series = drawnSeries(60)
    const data = forecastData(series, { targets: ['b', 'a'], window: 4, horizon: 2, test: 20 })
    const config = { inputSize: 2, targets: data.targets, window: 4, horizon: 2, hiddenSize: 3, quantiles: [0.2, 0.8] }
    const model = new Forecaster(config)
    const past = { ...series, data: series.data.slice(0, 80), shape: [40, 2] }
    const next = await forecastNext(model, past, data.normalizer)
    const walked = await forecastWindows(model, data.test)
    const expected = data.unscale(uncrossed(walked.slice(0, 8), 2), 2)
    expect(next).toHaveLength(8)
    next.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i] as number, 4)
    })
    const few = { ...series, data: series.data.slice(0, 6), shape: [3, 2] }
    await expect(forecastNext(model, few, data.normalizer)).rejects.toThrow(
      'forecastNext: the series has 3 steps; a forecast sees 4: give at least as many',
    )
  })

  test('is refused with what is wrong', () => {
    const config = { inputSize: 2, targets: [0], window: 4 }
    expect([
      messageOf(() => new Forecaster({ ...config, targets: [2] })),
      messageOf(() => new Forecaster({ ...config, horizon: 0 })),
      messageOf(() => new Forecaster({ ...config, quantiles: [0.5, 0.5] })),
      messageOf(() => new Forecaster({ ...config, window: 5 }).forward(x())),
      messageOf(() =>
        new Forecaster(config).setLinear({
          weight: new Float32Array(),
          bias: new Float32Array(),
          forecast: naiveForecast,
        }),
      ),
    ]).toMatchInlineSnapshot(`
      [
        "Forecaster: targets are [2]; name places from 0 to 1, at least one",
        "Forecaster: horizon is 0; it must be a whole number above 0",
        "Forecaster: quantiles are [0.5, 0.5]; they must rise, between 0 and 1",
        "Forecaster: the input is [3, 4, 2]; it must be [B, 5, 2]",
        "Forecaster: a linear fit is given and residual is 'none'; it must be 'linear'",
      ]
    `)
  })
})

describe('scores', () => {
  test('are those of each target, without what is missing', () => {
    // Two windows of two steps and two targets.
    const truth = [1, 10, 2, none, 3, 30, 4, 40]
    const forecast = [2, 10, 2, 7, 3, 33, 1, 44]
    const [a, b] = forecastScores(forecast, truth, { horizon: 2, targets: 2 })
    expect(a?.rmse).toBeCloseTo(Math.sqrt(10 / 4), 10)
    expect(a?.mae).toBe(1)
    expect(a?.rmseByStep).toEqual([Math.sqrt(1 / 2), Math.sqrt(9 / 2)])
    expect(b).toEqual({ rmse: Math.sqrt(25 / 3), mae: 7 / 3, rmseByStep: [Math.sqrt(9 / 2), 4], count: 3 })
  })

  test('of quantiles say how many are below', () => {
    const truth = [1, 2, 3, none]
    const forecast = Float32Array.of(0, 2, 1, 3, 4, 3, 0, 0)
    const sorted = uncrossed(forecast, 2)
    expect(Array.from(sorted)).toEqual([0, 2, 1, 3, 3, 4, 0, 0])
    expect(Array.from(levelOf(sorted, 1, 2))).toEqual([2, 3, 4, 0])
    const [score] = quantileScores(sorted, truth, { targets: 1, quantiles: [0.25, 0.75] })
    expect(score?.below[0]).toBeCloseTo(1 / 3, 10)
    expect(score?.below[1]).toBe(1)
    expect(score?.pinball).toBeCloseTo((0.25 + 0.25 + 0 + 0.25 + 0.25 + 0.25) / 3 / 2, 10)
  })
})
