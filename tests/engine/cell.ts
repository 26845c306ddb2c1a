import { Tensor } from '../../src/graph/tensor.ts'
import type { Value } from '../../src/graph/value.ts'
import { Variable } from '../../src/graph/variable.ts'

/** A handle of a variable: reading it gives the variable's value of that moment, inside and outside of steps. */
export class Cell extends Tensor {
  readonly variable: Variable

  constructor(initial: Tensor, label: string, requiresGrad = false) {
    super(null)
    this.variable = new Variable(initial.value, label, requiresGrad)
  }

  override get value(): Value {
    return this.variable.read()
  }

  /** The value of this moment under a handle that keeps it. */
  now(): Tensor {
    return new Tensor(this.value)
  }

  /** An effect: of the step being traced, or of {@link runEffects}. */
  assign(value: Tensor): void {
    this.variable.assign(value.value)
  }
}
