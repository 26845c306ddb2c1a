/** What is looked at of a long result. */
export interface Sampled {
  readonly length: number
  /** At {@link positionsOf}. */
  readonly values: readonly number[]
  /** How many of all the elements are no finite numbers. */
  readonly notFinite: number
}

const most = 4096

/** Positions at which results of this length are compared: all, or 4,096 of them, the first and the last among them. */
export function positionsOf(length: number): number[] {
  if (length <= most) return Array.from({ length }, (_, i) => i)
  // A step coprime to most lengths visits every region, row and column class.
  let state = 12345
  const chosen = Array.from({ length: most }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * length)
  })
  chosen[0] = 0
  chosen[1] = length - 1
  return chosen
}

/** Samples a result. */
export function sample(values: ArrayLike<number>): Sampled {
  let notFinite = 0
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) notFinite++
  return {
    length: values.length,
    // JSON has no word for other numbers; they are counted.
    values: positionsOf(values.length).map((i) => {
      const value = values[i] as number
      return Number.isFinite(value) ? value : 0
    }),
    notFinite,
  }
}
