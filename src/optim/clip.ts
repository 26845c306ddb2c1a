import { fail } from '../errors.ts'
import { hostLeaf } from '../graph/leaf.ts'
import { Tensor } from '../graph/tensor.ts'
import { activeTrace, type Trace } from '../graph/trace.ts'
import { add, div, maximum, minimum, mul, neg } from '../ops/arithmetic.ts'
import { sum } from '../ops/reduce.ts'
import { sqrt, square } from '../ops/unary.ts'
import type { GradientClip } from './optimizer.ts'

/** Clips by the norm of all gradients together; see {@link clipNorm}. */
export class NormClip implements GradientClip {
  readonly kind = 'norm'
  /** The largest norm; may change between steps. */
  max: number
  private made: { readonly norm: Tensor; readonly step: Trace | null } | null = null

  constructor(max: number) {
    if (!(max > 0)) fail('clipNorm', `max is ${max}`, 'it must be above 0')
    this.max = max
  }

  /**
   * The norm before clipping, for a step that is being compiled to return. Null before the first update, and in a step that has made
   * none. Throws outside of the step that made it.
   */
  get norm(): Tensor | null {
    if (!this.made) return null
    const { norm, step } = this.made
    const now = activeStep()
    if (step && !now)
      fail(
        'clipNorm',
        'the norm is read outside of the compiled step that made it',
        'return it from the function that calls minimize, and use what the step gives',
      )
    return step === now ? norm : null
  }

  apply(packed: readonly Tensor[]): Tensor[] {
    const norm = sqrt(packed.map((g) => sum(square(g))).reduce(add))
    this.made = { norm, step: activeStep() }
    const limit = new Tensor(hostLeaf(norm.device, 'f32', () => [this.max]))
    const scale = minimum(div(limit, add(norm, 1e-6)), 1)
    return packed.map((g) => mul(g, scale))
  }
}

/** The trace of the step that is being compiled, or null. */
function activeStep(): Trace | null {
  const trace = activeTrace()
  return trace?.isStep ? trace : null
}

/** Clips each element of the gradients; see {@link clipValue}. */
export class ValueClip implements GradientClip {
  readonly kind = 'value'
  /** The largest magnitude; may change between steps. */
  max: number

  constructor(max: number) {
    if (!(max > 0)) fail('clipValue', `max is ${max}`, 'it must be above 0')
    this.max = max
  }

  apply(packed: readonly Tensor[]): Tensor[] {
    return packed.map((g) => {
      const limit = new Tensor(hostLeaf(g.device, 'f32', () => [this.max]))
      return maximum(minimum(g, limit), neg(limit))
    })
  }
}

/**
 * Scales all gradients of an optimizer down so that their norm together is at most `max`: `optimizer.clip =
 * clipNorm(1)`.
 */
export function clipNorm(max: number): NormClip {
  return new NormClip(max)
}

/** Limits each element of the gradients to [-max, max]: `optimizer.clip = clipValue(0.5)`. */
export function clipValue(max: number): ValueClip {
  return new ValueClip(max)
}
