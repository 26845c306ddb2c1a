import { type DType, isFloat } from '../../../src/dtype.ts'

/** All dtypes, in the order of the table. */
export const dtypes: readonly DType[] = ['f32', 'f16', 'i32', 'u32', 'bool']

/** Every way to give `count` inputs a dtype; with more than three inputs, the given ones with one changed or all alike. */
function combinations(given: readonly DType[]): DType[][] {
  if (given.length <= 3) {
    return given.reduce<DType[][]>((lists, _) => lists.flatMap((list) => dtypes.map((d) => [...list, d])), [[]])
  }
  const one = given.flatMap((_, i) => dtypes.map((d) => given.with(i, d)))
  const alike = dtypes.map((d) => given.map((other) => (isFloat(other) ? d : other)))
  return [[...given], ...one, ...alike]
}

/** The dtypes of each input in the combinations that `accepts` does not throw at. */
export function accepted(given: readonly DType[], accepts: (list: readonly DType[]) => void): Set<DType>[] {
  const found = given.map(() => new Set<DType>())
  for (const list of combinations(given)) {
    try {
      accepts(list)
    } catch {
      continue
    }
    list.forEach((dtype, i) => {
      found[i]?.add(dtype)
    })
  }
  return found
}

/** Counts, for each input, the samples that it may have a dtype in. */
export class Tally {
  private readonly counts: Map<DType, number>[] = []
  private readonly samples: number[] = []

  add(accepted: readonly ReadonlySet<DType>[]): void {
    accepted.forEach((set, i) => {
      const counts = this.counts[i] ?? new Map<DType, number>()
      this.counts[i] = counts
      for (const dtype of set) counts.set(dtype, (counts.get(dtype) ?? 0) + 1)
      this.samples[i] = (this.samples[i] ?? 0) + 1
    })
  }

  /**
   * The dtypes taken in most samples: a few may be special, such as dropout of nothing, which takes any dtype, or a
   * negative class to ignore, which no u32 can be.
   */
  usual(): Set<DType>[] {
    return this.counts.map((counts, i) => {
      const all = this.samples[i] as number
      return new Set([...counts].filter(([, count]) => 2 * count >= all).map(([dtype]) => dtype))
    })
  }
}
