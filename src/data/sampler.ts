import { fail } from '../errors.ts'
import { permutation, type Random } from './random.ts'

/** Decides which samples an epoch takes, and in which order. */
export interface Sampler {
  /** Samples in an epoch. */
  readonly length: number
  /** Their indices [length]. `generator` starts anew each epoch, from the loader's seed and the epoch's number. */
  order(generator: Random): Uint32Array
}

/** All of `n` samples, in their order or in a random one. */
export function everySample(n: number, shuffle: boolean): Sampler {
  return {
    length: n,
    order: (generator) => (shuffle ? permutation(n, generator) : Uint32Array.from({ length: n }, (_, i) => i)),
  }
}

/** Options of {@link WeightedRandomSampler}. */
export interface WeightedRandomSamplerOptions {
  /** Samples in an epoch; as many as there are weights unless told. */
  numSamples?: number
  /** Whether a sample may come more than once in an epoch. True unless told. */
  replacement?: boolean
}

/**
 * Draws samples as often as their weights say, as PyTorch's sampler of that name: with weights of 1 over the size of
 * a sample's class, every class comes equally often. Without replacement a sample that was drawn is out until the
 * next epoch.
 *
 * @example
 * const sampler = new WeightedRandomSampler(labels.map((label) => 1 / counts[label]))
 * new DataLoader(dataset, { batchSize: 64, sampler })
 */
export class WeightedRandomSampler implements Sampler {
  readonly length: number
  readonly replacement: boolean
  readonly #tree: SumTree

  /** @param weights One for each sample, 0 or more; they need not add up to 1. */
  constructor(weights: ArrayLike<number>, options: WeightedRandomSamplerOptions = {}) {
    const { numSamples = weights.length, replacement = true } = options
    const op = 'WeightedRandomSampler'
    let positive = 0
    for (let i = 0; i < weights.length; i++) {
      const weight = weights[i] as number
      if (!(weight >= 0 && weight < Number.POSITIVE_INFINITY)) {
        fail(op, `weight ${i} is ${weight}`, 'weights are numbers of 0 or more')
      }
      if (weight > 0) positive++
    }
    if (!(Number.isInteger(numSamples) && numSamples >= 0)) {
      fail(op, `numSamples is ${numSamples}`, 'it must be a whole number of 0 or more')
    }
    const available = replacement && positive > 0 ? Number.POSITIVE_INFINITY : positive
    if (numSamples > available) {
      const right = replacement ? 'one at least must be' : 'without replacement no more than these can be drawn'
      fail(op, `${numSamples} samples asked for and ${positive} weights are above 0`, right)
    }
    this.#tree = new SumTree(weights)
    if (this.#tree.total === Number.POSITIVE_INFINITY) {
      fail(op, 'the weights add up to more than a double holds', 'make them smaller')
    }
    this.length = numSamples
    this.replacement = replacement
  }

  order(generator: Random): Uint32Array {
    const tree = this.replacement ? this.#tree : this.#tree.copy()
    return Uint32Array.from({ length: this.length }, () => {
      // 53 bits: 24 would never reach most of many samples.
      const high = generator.u32() >>> 5
      const drawn = tree.find(((high * 2 ** 26 + (generator.u32() >>> 6)) / 2 ** 53) * tree.total)
      if (!this.replacement) tree.clear(drawn)
      return drawn
    })
  }
}

/** Weights as the leaves of a binary tree in which each node holds the sum of the two below it. */
class SumTree {
  readonly #leaves: number
  readonly #sums: Float64Array

  constructor(weights: ArrayLike<number> | { leaves: number; sums: Float64Array }) {
    if ('sums' in weights) {
      this.#leaves = weights.leaves
      this.#sums = weights.sums.slice()
      return
    }
    let leaves = 1
    while (leaves < weights.length) leaves *= 2
    this.#leaves = leaves
    this.#sums = new Float64Array(2 * this.#leaves)
    this.#sums.set(Array.from(weights), this.#leaves)
    for (let node = this.#leaves - 1; node >= 1; node--) this.#add(node)
  }

  get total(): number {
    return this.#sums[1] as number
  }

  copy(): SumTree {
    return new SumTree({ leaves: this.#leaves, sums: this.#sums })
  }

  /** The leaf over which `at`, from 0 to the total, lies when they are laid end to end. Never one of weight 0. */
  find(at: number): number {
    let rest = at
    let node = 1
    while (node < this.#leaves) {
      const left = this.#sums[2 * node] as number
      // Rounding may leave a rest that is as large as the sum at hand; what holds nothing is never entered.
      const goesRight = rest >= left && (this.#sums[2 * node + 1] as number) > 0
      if (goesRight) rest -= left
      node = 2 * node + (goesRight ? 1 : 0)
    }
    return node - this.#leaves
  }

  /** Sets a leaf to 0. Sums are taken anew and not corrected, so that they stay exact. */
  clear(leaf: number): void {
    let node = leaf + this.#leaves
    this.#sums[node] = 0
    for (node >>= 1; node >= 1; node >>= 1) this.#add(node)
  }

  #add(node: number): void {
    this.#sums[node] = (this.#sums[2 * node] as number) + (this.#sums[2 * node + 1] as number)
  }
}
