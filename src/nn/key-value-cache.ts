import { fail } from '../errors.ts'
import { hostLeaf } from '../graph/leaf.ts'
import { mutate } from '../graph/mutate.ts'
import { runEffects } from '../graph/realize.ts'
import { noGrad, Tensor } from '../graph/tensor.ts'
import { activeTrace } from '../graph/trace.ts'
import { appendPositionsOp } from '../ops/append-positions.ts'
import { add } from '../ops/arithmetic.ts'
import { cast, full } from '../ops/elementwise.ts'
import { arange } from '../ops/movement.ts'
import { expand } from '../ops/reduce.ts'
import { formatShape } from '../shape.ts'
import { Buffer } from './parameter.ts'

/** What {@link KeyValueCache.append} gives. */
export interface CachedPositions {
  /** All keys so far, [batch, maxLength, features]; what lies behind them is old or 0. */
  readonly keys: Tensor
  /** All values so far, likewise. */
  readonly values: Tensor
  /** The new positions, i32 [n]. */
  readonly positions: Tensor
  /** How many keys there are now, i32 [batch]. */
  readonly lengths: Tensor
}

/**
 * Keys and values of the positions that attention has seen, for a sequence that grows: each step brings those of its new positions and
 * sees all. It lives on the device, and how far it is filled is data, so that one compiled step serves every length. It keeps no
 * gradients.
 */
export class KeyValueCache {
  readonly batch: number
  readonly maxLength: number
  readonly features: number
  readonly #keys: Buffer
  readonly #values: Buffer
  #length = 0

  /** Room for `maxLength` positions of `features` elements (heads of k and v, side by side) in each row of a batch. */
  constructor(batch: number, maxLength: number, features: number) {
    for (const [name, n] of Object.entries({ batch, maxLength, features }))
      if (!(Number.isInteger(n) && n > 0))
        fail('KeyValueCache', `${name} is ${n}`, 'it must be a whole number of at least 1')
    this.batch = batch
    this.maxLength = maxLength
    this.features = features
    this.#keys = new Buffer(full([batch, maxLength, features], 0), 'KeyValueCache.keys')
    this.#values = new Buffer(full([batch, maxLength, features], 0), 'KeyValueCache.values')
  }

  /** Positions that are filled. */
  get length(): number {
    return this.#length
  }

  /** Starts anew: what was kept is not seen any more. */
  reset(): void {
    this.#length = 0
  }

  /**
   * Keeps the keys and values of the next positions, [batch, n, features]. In a compiled step it does so each time the step runs. Throws
   * where there is no room for them.
   */
  append(k: Tensor, v: Tensor): CachedPositions {
    const [, n = 0] = k.shape
    for (const [name, { shape }] of [
      ['k', k],
      ['v', v],
    ] as const)
      if (shape.length !== 3 || shape[0] !== this.batch || shape[1] !== n || shape[2] !== this.features)
        fail('KeyValueCache', `${name} is ${formatShape(shape)}`, `it must be [${this.batch}, n, ${this.features}]`)
    const start = new Tensor(hostLeaf(k.device, 'u32', () => [this.#room(n)]))
    noGrad(() =>
      runEffects(() =>
        mutate(appendPositionsOp, [k, v, start], { length: this.maxLength }, [
          this.#keys.variable,
          this.#values.variable,
        ]),
      ),
    )
    const grow = (): void => {
      this.#length += n
    }
    const trace = activeTrace()
    if (trace) trace.hooks.push(grow)
    else grow()
    const first = cast(start, 'i32')
    return {
      keys: new Tensor(this.#keys.value),
      values: new Tensor(this.#values.value),
      positions: add(first, arange(n)),
      lengths: expand(add(first, n), [this.batch]),
    }
  }

  /** Where the next `n` positions go. */
  #room(n: number): number {
    if (this.#length + n > this.maxLength)
      fail(
        'KeyValueCache',
        `${this.#length} positions and ${n} more`,
        `there is room for ${this.maxLength}; reset it, or make a longer one`,
      )
    return this.#length
  }
}
