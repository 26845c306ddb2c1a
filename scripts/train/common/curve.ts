import type { Callback } from '../../../src/train/index.ts'

/** More points than this are thinned, half of them at a time. */
const most = 1000

interface Kept {
  readonly every: number
  readonly steps: readonly number[]
  readonly losses: readonly number[]
}

/** Keeps the losses of a training for a report: over a resumed training too, and of any length. */
export class Curve implements Callback {
  readonly name = 'curve'
  private every = 1
  private points: (readonly [step: number, loss: number])[] = []

  /** Steps at which losses are kept, evenly spaced. */
  get steps(): number[] {
    return this.points.map(([step]) => step)
  }

  /** The losses of these steps. */
  get losses(): number[] {
    return this.points.map(([, loss]) => loss)
  }

  onStep({ step, loss }: { readonly step: number; readonly loss: number }): void {
    if ((step - 1) % this.every !== 0) return
    this.points.push([step, loss])
    if (this.points.length <= most) return
    this.every *= 2
    this.points = this.points.filter((_, i) => i % 2 === 0)
  }

  state(): { readonly [key in keyof Kept]: Kept[key] } {
    return { every: this.every, steps: this.steps, losses: this.losses }
  }

  restore(state: unknown): void {
    const { every, steps, losses } = state as Kept
    this.every = every
    this.points = steps.map((step, i) => [step, losses[i] ?? Number.NaN])
  }
}
