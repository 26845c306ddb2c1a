import { fail } from '../errors.ts'

/** The learning rate of a step, counted from 0; `lr` is that of the parameter group. A pure function. */
export type Schedule = (step: number, lr: number) => number

function needSteps(op: string, name: string, value: number, least = 1): void {
  if (!Number.isInteger(value) || value < least)
    fail(op, `${name} is ${value}`, `it must be a whole number of at least ${least}`)
}

function needRising(op: string, milestones: readonly number[]): void {
  if (milestones.some((m, i) => !(m > (milestones[i - 1] ?? 0))))
    fail(op, `milestones are ${milestones.join(', ')}`, 'they must rise from above 0')
}

/** Multiplies by `gamma` (0.1 unless given) after every `size` steps. */
export function stepLR(size: number, gamma = 0.1): Schedule {
  needSteps('stepLR', 'size', size)
  return (step, lr) => lr * gamma ** Math.floor(step / size)
}

/** Multiplies by `gamma` (0.1 unless given) at each of the `milestones`. */
export function multiStepLR(milestones: readonly number[], gamma = 0.1): Schedule {
  needRising('multiStepLR', milestones)
  return (step, lr) => lr * gamma ** milestones.filter((m) => step >= m).length
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
 * Half cosines from the group's rate down to `min` (0 unless given), each starting anew where the one before it ended
 * (Loshchilov and Hutter 2017): the first takes `steps` steps, each next one `factor` (1 unless given) times as many.
 */
export function cosineAnnealingWarmRestartsLR(steps: number, factor = 1, min = 0): Schedule {
  needSteps('cosineAnnealingWarmRestartsLR', 'steps', steps)
  needSteps('cosineAnnealingWarmRestartsLR', 'factor', factor)
  return (step, lr) => {
    let [at, length] = [step, steps]
    while (at >= length) {
      at -= length
      length *= factor
    }
    return min + ((lr - min) * (1 + Math.cos((Math.PI * at) / length))) / 2
  }
}

/** Down to 0 over `steps` steps along (1 - step / steps) ** power; `power` is 1 unless given. */
export function polynomialLR(steps: number, power = 1): Schedule {
  needSteps('polynomialLR', 'steps', steps)
  return (step, lr) => lr * (1 - Math.min(1, step / steps)) ** power
}

/**
 * A straight line from `from` to `to` (shares of the group's rate; 1 / 3 and 1 unless given) over `steps` steps; for
 * warming up.
 */
export function linearLR(steps: number, from = 1 / 3, to = 1): Schedule {
  needSteps('linearLR', 'steps', steps)
  return (step, lr) => lr * (from + (to - from) * Math.min(1, step / steps))
}

/** Where the phases of one cycle end; the same for rate and momentum. */
interface Phases {
  /** Share of the steps in which the rate rises; 0.3 unless given. */
  readonly rise?: number
  /** Takes as many steps down to the first rate as up from it, and the rest from there; false unless given. */
  readonly threePhase?: boolean
  /** Along half cosines or straight lines; 'cos' unless given. */
  readonly anneal?: 'cos' | 'linear'
}

/** Options of {@link oneCycleLR}. */
export interface OneCycleOptions extends Phases {
  /** The peak over the rate of the first step; 25 unless given. */
  readonly divFactor?: number
  /** The rate of the first step over that of the last; 1e4 unless given. */
  readonly finalDivFactor?: number
}

/** Options of {@link oneCycleMomentum}. */
export interface OneCycleMomentumOptions extends Phases {
  /** The momentum at the peak of the rate; 0.85 unless given. */
  readonly baseMomentum?: number
  /** The momentum of the first step and of the last; 0.95 unless given. */
  readonly maxMomentum?: number
}

/** The value of a step, through `first`, `peak`, with three phases `first` again, and `last`. */
function cycle(
  op: string,
  steps: number,
  { rise = 0.3, threePhase = false, anneal = 'cos' }: Phases,
): (step: number, first: number, peak: number, last: number) => number {
  needSteps(op, 'steps', steps, 2)
  const top = rise * steps - 1
  if (!(top > 0 && rise < 1)) fail(op, `rise is ${rise} of ${steps} steps`, 'it must be below 1 and more than one step')
  const foot = 2 * top
  if (threePhase && foot >= steps - 1)
    fail(op, `rise is ${rise} of ${steps} steps in three phases`, 'two of them must leave steps for the third')
  const along = (from: number, to: number, share: number): number =>
    anneal === 'linear' ? from + (to - from) * share : to + ((from - to) * (1 + Math.cos(Math.PI * share))) / 2
  return (step, first, peak, last) => {
    if (step <= top) return along(first, peak, step / top)
    if (!threePhase) return along(peak, last, Math.min(1, (step - top) / (steps - 1 - top)))
    if (step <= foot) return along(peak, first, (step - top) / top)
    return along(first, last, Math.min(1, (step - foot) / (steps - 1 - foot)))
  }
}

/**
 * Up to the group's rate and down again along cosines, over `steps` steps (Smith and Topin 2019). {@link oneCycleMomentum} moves the
 * momentum against it.
 */
export function oneCycleLR(steps: number, options: OneCycleOptions = {}): Schedule {
  const { divFactor = 25, finalDivFactor = 1e4 } = options
  const at = cycle('oneCycleLR', steps, options)
  return (step, lr) => at(step, lr / divFactor, lr, lr / divFactor / finalDivFactor)
}

/**
 * The momentum that goes with {@link oneCycleLR} of the same steps and phases: down while the rate rises, up while it falls.
 *
 *     new LRScheduler(optimizer, oneCycleLR(1000), { momentum: oneCycleMomentum(1000) })
 */
export function oneCycleMomentum(steps: number, options: OneCycleMomentumOptions = {}): (step: number) => number {
  const { baseMomentum = 0.85, maxMomentum = 0.95 } = options
  const at = cycle('oneCycleMomentum', steps, options)
  return (step) => at(step, maxMomentum, baseMomentum, maxMomentum)
}

/** One schedule after the other: schedule k runs, from its step 0, from step `milestones[k - 1]` on. */
export function sequentialLR(schedules: readonly Schedule[], milestones: readonly number[]): Schedule {
  if (schedules.length !== milestones.length + 1)
    fail(
      'sequentialLR',
      `${schedules.length} schedules and ${milestones.length} milestones`,
      'there must be a milestone between each two schedules',
    )
  needRising('sequentialLR', milestones)
  return (step, lr) => {
    const at = milestones.filter((m) => step >= m).length
    return (schedules[at] as Schedule)(step - (milestones[at - 1] ?? 0), lr)
  }
}

/** Several schedules at once, each applied to the rate that the one before it gives. */
export function chainedLR(...schedules: readonly Schedule[]): Schedule {
  return (step, lr) => schedules.reduce((rate, schedule) => schedule(step, rate), lr)
}
