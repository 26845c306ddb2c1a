import { fail } from '../errors.ts'

/** The learning rate of a step, counted from 0; `lr` is that of the parameter group. A pure function. */
export type Schedule = (step: number, lr: number) => number

function needSteps(op: string, name: string, value: number, least = 1): void {
  if (!Number.isInteger(value) || value < least)
    fail(op, `${name} is ${value}`, `it must be a whole number of at least ${least}`)
}

/** Multiplies by `gamma` (0.1 unless given) after every `size` steps. */
export function stepLR(size: number, gamma = 0.1): Schedule {
  needSteps('stepLR', 'size', size)
  return (step, lr) => lr * gamma ** Math.floor(step / size)
}

/** Multiplies by `gamma` at each step. */
export function exponentialLR(gamma: number): Schedule {
  return (step, lr) => lr * gamma ** step
}

/** Half a cosine from the group's rate down to `min` (0 unless given) over `steps` steps, and `min` from there on. */
export function cosineAnnealingLR(steps: number, min = 0): Schedule {
  needSteps('cosineAnnealingLR', 'steps', steps)
  return (step, lr) => min + ((lr - min) * (1 + Math.cos((Math.PI * Math.min(step, steps)) / steps))) / 2
}

/**
 * A straight line from `from` to `to` (shares of the group's rate; 1 / 3 and 1 unless given) over `steps` steps; for
 * warming up.
 */
export function linearLR(steps: number, from = 1 / 3, to = 1): Schedule {
  needSteps('linearLR', 'steps', steps)
  return (step, lr) => lr * (from + (to - from) * Math.min(1, step / steps))
}

/** Options of {@link oneCycleLR}. */
export interface OneCycleOptions {
  /** Share of the steps in which the rate rises; 0.3 unless given. */
  readonly rise?: number
  /** The peak over the rate of the first step; 25 unless given. */
  readonly divFactor?: number
  /** The rate of the first step over that of the last; 1e4 unless given. */
  readonly finalDivFactor?: number
}

/**
 * Up to the group's rate and down again along cosines, over `steps` steps (Smith and Topin 2019); momentum stays as it
 * is.
 */
export function oneCycleLR(steps: number, options: OneCycleOptions = {}): Schedule {
  const { rise = 0.3, divFactor = 25, finalDivFactor = 1e4 } = options
  needSteps('oneCycleLR', 'steps', steps, 2)
  if (!(rise * steps > 1 && rise < 1))
    fail('oneCycleLR', `rise is ${rise} of ${steps} steps`, 'it must be below 1 and more than one step')
  const top = rise * steps - 1
  const along = (from: number, to: number, share: number): number =>
    to + ((from - to) * (1 + Math.cos(Math.PI * share))) / 2
  return (step, lr) => {
    const first = lr / divFactor
    if (step <= top) return along(first, lr, step / top)
    return along(lr, first / finalDivFactor, Math.min(1, (step - top) / (steps - 1 - top)))
  }
}

/** One schedule after the other: schedule k runs, from its step 0, from step `milestones[k - 1]` on. */
export function sequentialLR(schedules: readonly Schedule[], milestones: readonly number[]): Schedule {
  if (schedules.length !== milestones.length + 1)
    fail(
      'sequentialLR',
      `${schedules.length} schedules and ${milestones.length} milestones`,
      'there must be a milestone between each two schedules',
    )
  if (milestones.some((m, i) => !(m > (milestones[i - 1] ?? 0))))
    fail('sequentialLR', `milestones are ${milestones.join(', ')}`, 'they must rise from above 0')
  return (step, lr) => {
    const at = milestones.filter((m) => step >= m).length
    return (schedules[at] as Schedule)(step - (milestones[at - 1] ?? 0), lr)
  }
}

/** Several schedules at once, each applied to the rate that the one before it gives. */
export function chainedLR(...schedules: readonly Schedule[]): Schedule {
  return (step, lr) => schedules.reduce((rate, schedule) => schedule(step, rate), lr)
}
