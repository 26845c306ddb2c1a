import { expect, it } from 'vitest'
import { compile, tensor } from '../../src/index.ts'
import { Parameter } from '../../src/nn/index.ts'
import { openDevice } from '../../src/node.ts'
import {
  Adagrad,
  Adam,
  cosineAnnealingWarmRestartsLR,
  LRScheduler,
  multiStepLR,
  oneCycleLR,
  oneCycleMomentum,
  polynomialLR,
  type Schedule,
  SGD,
} from '../../src/optim/index.ts'

// The figures are those of PyTorch 1.13 for a group whose rate is 2.
function expectRates(schedule: Schedule, expected: readonly number[]): void {
  expected.forEach((rate, step) => {
    expect(schedule(step, 2), `step ${step}`).toBeCloseTo(rate, 9)
  })
}

it('one cycle of three phases is that of PyTorch', () => {
  expectRates(
    oneCycleLR(12, { threePhase: true }),
    [
      0.08, 0.6995793084391662, 1.7585703182442574, 1.8900377846270815, 0.9242847869548892, 0.10789585527098997,
      0.0763033864851596, 0.062449237866233846, 0.04216933978778236, 0.021269536005771188, 0.005733140382001109, 8e-6,
    ],
  )
  expectRates(
    oneCycleMomentum(12, { threePhase: true }),
    [
      0.95, 0.9177302443521267, 0.8625744625914449, 0.8557271987173395, 0.9060268340127662, 0.9485470908713025, 0.95,
      0.95, 0.95, 0.95, 0.95, 0.95,
    ],
  )
})

it('one cycle of two phases along lines is that of PyTorch', () => {
  expectRates(
    oneCycleLR(12, { rise: 0.4, anneal: 'linear' }),
    [
      0.08, 0.5852631578947366, 1.0905263157894733, 1.5957894736842104, 1.9444446666666668, 1.666668,
      1.3888913333333335, 1.111114666666667, 0.833338, 0.5555613333333334, 0.2777846666666668, 8e-6,
    ],
  )
  expectRates(
    oneCycleMomentum(12, { rise: 0.4, anneal: 'linear' }),
    [
      0.95, 0.9236842105263158, 0.8973684210526316, 0.8710526315789473, 0.8527777777777777, 0.8666666666666666,
      0.8805555555555555, 0.8944444444444444, 0.9083333333333333, 0.9222222222222222, 0.9361111111111111, 0.95,
    ],
  )
})

it('warm restarts, milestones and polynomials are those of PyTorch', () => {
  expectRates(
    cosineAnnealingWarmRestartsLR(3, 2, 0.1),
    [
      2, 1.525, 0.575, 2, 1.872724133595217, 1.525, 1.05, 0.575, 0.22727586640478323, 2, 1.967629534974615,
      1.872724133595217,
    ],
  )
  expectRates(multiStepLR([2, 5], 0.5), [2, 2, 1, 1, 1, 0.5, 0.5])
  expectRates(polynomialLR(5, 2), [2, 1.28, 0.72, 0.32, 0.08, 0, 0])
})

it('a compiled step takes the momentum of its turn', async () => {
  const gpu = await openDevice()
  try {
    const p = new Parameter(tensor([0]))
    const optimizer = new SGD([p], { lr: 1, momentum: 0.9 })
    const momenta = [0.3, 0.5, 0.25]
    const scheduler = new LRScheduler(optimizer, (_, lr) => lr, { momentum: (step) => momenta[step] ?? 0 })
    const step = compile(() => optimizer.minimize(p.sum()))
    let [weight, velocity] = [0, 0]
    for (const [t, momentum] of momenta.entries()) {
      step()
      scheduler.step()
      velocity = t === 0 ? 1 : momentum * velocity + 1
      weight -= velocity
    }
    expect(await p.item()).toBeCloseTo(weight, 6)

    const adam = new Adam([new Parameter(tensor([0]))])
    new LRScheduler(adam, (_, lr) => lr, { momentum: () => 0.7 })
    expect(adam.groups[0]?.options.betas).toEqual([0.7, 0.999])
    const none = new Adagrad([new Parameter(tensor([0]))])
    expect(() => new LRScheduler(none, (_, lr) => lr, { momentum: () => 0.7 })).toThrow(
      'LRScheduler: a momentum for an optimizer that has none; leave it out, or take SGD, RMSprop, Adam or Lion',
    )
  } finally {
    gpu.close()
  }
})

it('what cannot be is refused', () => {
  expect(() => oneCycleLR(10, { threePhase: true, rise: 0.6 })).toThrow(
    'oneCycleLR: rise is 0.6 of 10 steps in three phases; two of them must leave steps for the third',
  )
  expect(() => multiStepLR([3, 2])).toThrow('multiStepLR: milestones are 3, 2; they must rise from above 0')
  expect(() => cosineAnnealingWarmRestartsLR(3, 0.5)).toThrow(
    'cosineAnnealingWarmRestartsLR: factor is 0.5; it must be a whole number of at least 1',
  )
})
