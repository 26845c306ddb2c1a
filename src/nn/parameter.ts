import { encode } from '../dtype.ts'
import { fail } from '../errors.ts'
import { runEffects, writeVariable } from '../graph/realize.ts'
import { Tensor } from '../graph/tensor.ts'
import { activeTrace } from '../graph/trace.ts'
import type { Value } from '../graph/value.ts'
import { Variable } from '../graph/variable.ts'
import { formatShape } from '../shape.ts'

/** A tensor whose contents steps may change. Lazy tensors made from it keep the value they saw. */
export class StateTensor extends Tensor {
  /** @internal */
  readonly variable: Variable

  constructor(initial: Tensor, label: string, requiresGrad: boolean) {
    super(null)
    this.variable = new Variable(initial.value, label, requiresGrad)
  }

  /** @internal */
  override get value(): Value {
    return this.variable.read()
  }

  override get requiresGrad(): boolean {
    return this.variable.requiresGrad
  }

  override get shape(): readonly number[] {
    return this.variable.shape
  }

  override get dtype(): Tensor['dtype'] {
    return this.variable.dtype
  }

  override get device(): Tensor['device'] {
    return this.variable.device
  }

  /** Sets the contents to a tensor's value: at once, or as part of the step being compiled. */
  assign(value: Tensor): void {
    runEffects(() => this.variable.assign(value.value))
  }

  /** Sets the contents to numbers, row-major: at once, so not within a function that is being compiled. */
  set(data: ArrayLike<number>): void {
    if (activeTrace())
      fail(
        'set',
        `${this.variable.label} is set within a function that is being compiled`,
        'use assign, or set it outside',
      )
    this.device.assertUsable('set')
    if (data.length !== this.size)
      fail(
        'set',
        `${data.length} values for ${this.variable.label} ${formatShape(this.shape)}`,
        `it takes ${this.size}`,
      )
    writeVariable(this.variable, encode(data, this.dtype))
  }
}

/** What an optimizer trains. */
export class Parameter extends StateTensor {
  constructor(initial: Tensor, label = 'parameter', requiresGrad = true) {
    super(initial, label, requiresGrad)
  }

  /** Whether gradients reach it; where not, it is frozen. */
  override get requiresGrad(): boolean {
    return this.variable.requiresGrad
  }

  /** Freezes it or lets it train; not within a function that is being compiled. */
  override set requiresGrad(value: boolean) {
    if (activeTrace())
      fail(
        'requiresGrad',
        `${this.variable.label} is frozen or freed within a function that is being compiled`,
        'do it outside; the function is then traced again',
      )
    this.variable.setRequiresGrad(value)
  }
}

/** State of a module that is saved with it and not trained, such as running statistics. */
export class Buffer extends StateTensor {
  constructor(initial: Tensor, label = 'buffer') {
    super(initial, label, false)
  }
}

/** A whole number of a module that is saved with it and kept on the host. */
export class Counter {
  value = 0
}
