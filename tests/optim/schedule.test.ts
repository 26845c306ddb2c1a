import { expect, test } from 'vitest'
import {
  chainedLR,
  clipNorm,
  cosineAnnealingLR,
  exponentialLR,
  LRScheduler,
  linearLR,
  oneCycleLR,
  ReduceLROnPlateau,
  sequentialLR,
  stepLR,
} from '../../src/optim/index.ts'

const rates = (...lr: number[]): { groups: { options: { lr: number } }[] } => ({
  groups: lr.map((each) => ({ options: { lr: each } })),
})

test('a scheduler scales each group from its own rate and goes on where its state says', () => {
  const optimizer = rates(1, 8)
  const scheduler = new LRScheduler(optimizer, stepLR(2, 0.5))
  const seen: number[][] = []
  for (let i = 0; i < 5; i++) {
    seen.push(optimizer.groups.map((g) => g.options.lr))
    scheduler.step()
  }
  expect(seen).toEqual([
    [1, 8],
    [1, 8],
    [0.5, 4],
    [0.5, 4],
    [0.25, 2],
  ])
  const other = rates(0, 0)
  const again = new LRScheduler(other, stepLR(2, 0.5))
  again.state = JSON.parse(JSON.stringify(scheduler.state))
  expect(other).toEqual(optimizer)
  again.step()
  scheduler.step()
  expect(other).toEqual(optimizer)
})

test('schedules hold their last value, and compose', () => {
  expect(cosineAnnealingLR(10, 0.1)(25, 1)).toBeCloseTo(0.1, 12)
  expect(linearLR(4, 0.5)(9, 2)).toBe(2)
  expect(oneCycleLR(10)(9, 1)).toBeCloseTo(1 / 25e4, 12)
  expect(oneCycleLR(10)(99, 1)).toBeCloseTo(1 / 25e4, 12)
  expect(chainedLR(linearLR(2, 0.5), exponentialLR(0.1))(1, 1)).toBeCloseTo(0.075, 12)
  expect([0, 1, 2, 3].map((s) => sequentialLR([stepLR(1, 0.5), stepLR(1, 0.1)], [2])(s, 1))).toEqual([1, 0.5, 1, 0.1])
})

test('a plateau lowers the rates after patience and cooldown, and its state goes on', () => {
  const optimizer = rates(1)
  const plateau = new ReduceLROnPlateau(optimizer, { mode: 'max', factor: 0.5, patience: 1, cooldown: 1, minLr: 0.2 })
  const seen = [0.5, 0.4, Number.NaN, 0.4, 0.4, 0.4, 0.6, 0.5, 0.5, 0.5, 0.5, 0.5].map((metric) => {
    const other = new ReduceLROnPlateau(rates(0), {})
    other.state = JSON.parse(JSON.stringify(plateau.state))
    expect(other.state).toEqual(plateau.state)
    plateau.step(metric)
    return optimizer.groups[0]?.options.lr
  })
  expect(seen).toEqual([1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.2, 0.2, 0.2, 0.2])
})

test('what cannot be is refused', () => {
  expect(() => stepLR(0)).toThrow('stepLR: size is 0; it must be a whole number of at least 1')
  expect(() => oneCycleLR(3)).toThrow('oneCycleLR: rise is 0.3 of 3 steps; it must be below 1 and more than one step')
  expect(() => sequentialLR([stepLR(1)], [1])).toThrow(
    'sequentialLR: 1 schedules and 1 milestones; there must be a milestone between each two schedules',
  )
  expect(() => sequentialLR([stepLR(1), stepLR(1)], [0])).toThrow(
    'sequentialLR: milestones are 0; they must rise from above 0',
  )
  expect(() => clipNorm(0)).toThrow('clipNorm: max is 0; it must be above 0')
  expect(() => {
    new LRScheduler(rates(1), stepLR(1)).state = { step: 0, base: [] }
  }).toThrow('LRScheduler: the state has 0 groups; the optimizer has 1')
  expect(() => new ReduceLROnPlateau(rates(1), { factor: 1 })).toThrow(
    'ReduceLROnPlateau: factor is 1; it must be below 1',
  )
})
