import type { HostArray } from '../../data/dataset.ts'
import type { Random } from '../../data/random.ts'
import type { BatchTransform } from '../../data/transform.ts'
import { fail } from '../../errors.ts'

/** Which tokens may be hidden or dropped, and how many. */
export interface MaskingOptions {
  /** What stands in place of a hidden token. */
  readonly maskId: number
  /** Tokens below this number are special and stay. */
  readonly firstWord: number
  /** Tokens there are. */
  readonly vocabSize: number
  /** The share of the tokens that is to be told; 0.15 unless given. */
  readonly share?: number
}

/** The target of a place that stands for nothing; give it to `crossEntropy` as `ignoreIndex`. */
export const ignoredTarget = -100

/** What batches of texts have. */
export type TextRows = 'ids' | 'lengths'

function checkShare(op: string, share: number): void {
  if (!(share >= 0 && share < 1)) fail(op, `the share is ${share}`, 'it must be at least 0 and below 1')
}

/** The places of a row that hold words. */
function wordsOf(ids: ArrayLike<number>, row: number, width: number, length: number, firstWord: number): number[] {
  return Array.from({ length }, (_, at) => at).filter((at) => (ids[row * width + at] as number) >= firstWord)
}

/**
 * Hides tokens for a masked language model to tell (Devlin et al. 2019): of those chosen, 80 % become the mask, 10 % another token, and
 * 10 % stay. Batches get `positions` i32 [n, count] of the chosen ones and their tokens as `y` i32 [n, count]; a row that has fewer is
 * filled up with {@link ignoredTarget}.
 */
export function maskTokens<K extends string = TextRows>(
  options: MaskingOptions,
): BatchTransform<K | TextRows, TextRows | 'positions' | 'y'> {
  const { maskId, firstWord, vocabSize, share = 0.15 } = options
  checkShare('maskTokens', share)
  return (batch, { random }) => {
    const { ids, lengths } = batch as Record<TextRows, HostArray>
    const [rows = 0, width = 0] = ids.shape
    const data = Int32Array.from(ids.data)
    const count = Math.max(1, Math.ceil(share * width))
    const positions = new Int32Array(rows * count)
    const targets = new Int32Array(rows * count).fill(ignoredTarget)
    for (let row = 0; row < rows; row++) {
      const words = wordsOf(data, row, width, lengths.data[row] as number, firstWord)
      const chosen = Math.min(count, words.length, Math.max(1, Math.round(share * words.length)))
      for (let i = 0; i < chosen; i++) {
        const [at = 0] = words.splice(random.below(words.length), 1)
        const place = row * width + at
        positions[row * count + i] = at
        targets[row * count + i] = data[place] as number
        data[place] = hidden(data[place] as number, random, { maskId, firstWord, vocabSize })
      }
    }
    const field = (values: Int32Array<ArrayBuffer>, shape: number[]): HostArray => ({
      data: values,
      shape,
      dtype: 'i32',
    })
    return {
      ids: field(data, [rows, width]),
      lengths,
      positions: field(positions, [rows, count]),
      y: field(targets, [rows, count]),
    }
  }
}

function hidden(token: number, random: Random, { maskId, firstWord, vocabSize }: MaskingOptions): number {
  const draw = random.uniform()
  if (draw < 0.8) return maskId
  return draw < 0.9 ? firstWord + random.below(vocabSize - firstWord) : token
}

/** Puts the mask in place of a share of the words, anew in each batch, so that a small data set is not learnt by heart. */
export function dropWords<K extends string = TextRows>(
  options: Pick<MaskingOptions, 'maskId' | 'firstWord'> & { readonly share: number },
): BatchTransform<K | TextRows, K | TextRows> {
  const { maskId, firstWord, share } = options
  checkShare('dropWords', share)
  return (batch, { random }) => {
    const { ids } = batch as Record<TextRows, HostArray>
    const data = Int32Array.from(ids.data, (id) => (id >= firstWord && random.uniform() < share ? maskId : id))
    return { ...batch, ids: { ...ids, data } }
  }
}
