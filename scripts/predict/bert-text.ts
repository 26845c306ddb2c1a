import type { BertEncoding } from '../../src/models/index.ts'

/** What a model makes of a text. */
export interface ReadText extends BertEncoding {
  readonly text: string
  readonly classes: readonly string[]
  readonly probabilities: ArrayLike<number>
  /** For each token, how much it speaks for the likeliest class, in log-odds. */
  readonly attributions: ArrayLike<number>
  /** For each layer [tokens, tokens], how much each looks at each. */
  readonly attention: ArrayLike<number>
}

/** The likeliest class of a text. */
export function bestOf({ classes, probabilities }: ReadText): { name: string; share: number } {
  const shares = Array.from(probabilities)
  const best = shares.indexOf(Math.max(...shares))
  return { name: classes[best] ?? String(best), share: shares[best] ?? 0 }
}

/** The words of a text as it was written, each with the sum of what its tokens speak. */
export function wordsOf({ text, offsets, attributions }: ReadText): { word: string; attribution: number }[] {
  const sums = new Map<number, { word: string; attribution: number }>()
  offsets.forEach(([begin, end], i) => {
    if (end === 0) return
    const attribution = (sums.get(begin)?.attribution ?? 0) + (attributions[i] as number)
    sums.set(begin, { word: text.slice(begin, end), attribution })
  })
  return [...sums.values()]
}
