import type { Tensor } from '../graph/tensor.ts'
import {
  celu,
  elu,
  glu,
  hardsigmoid,
  hardswish,
  hardtanh,
  logSigmoid,
  mish,
  prelu,
  relu6,
  selu,
  softsign,
} from '../ops/activation.ts'
import { full } from '../ops/elementwise.ts'
import { Module } from './module.ts'
import { Parameter } from './parameter.ts'

/** The input itself. */
export class Identity extends Module {
  override forward(x: Tensor): Tensor {
    return x
  }
}

/** x where positive, alpha (e ** x - 1) elsewhere. */
export class ELU extends Module {
  readonly alpha: number

  constructor(alpha = 1) {
    super()
    this.alpha = alpha
  }

  override forward(x: Tensor): Tensor {
    return elu(x, this.alpha)
  }
}

/** x where positive, alpha (e ** (x / alpha) - 1) elsewhere. */
export class CELU extends Module {
  readonly alpha: number

  constructor(alpha = 1) {
    super()
    this.alpha = alpha
  }

  override forward(x: Tensor): Tensor {
    return celu(x, this.alpha)
  }
}

/** ELU scaled so that mean 0 and variance 1 stay (Klambauer et al. 2017). */
export class SELU extends Module {
  override forward(x: Tensor): Tensor {
    return selu(x)
  }
}

/** x where positive, a learned slope times x elsewhere. `weight` [numParameters], one or one for each channel, starts at `init`. */
export class PReLU extends Module {
  readonly weight: Parameter

  constructor(numParameters = 1, options: { readonly init?: number } = {}) {
    super()
    this.weight = new Parameter(full([numParameters], options.init ?? 0.25), 'PReLU.weight')
  }

  override forward(x: Tensor): Tensor {
    return prelu(x, this.weight)
  }
}

/** x held between 0 and 6. */
export class ReLU6 extends Module {
  override forward(x: Tensor): Tensor {
    return relu6(x)
  }
}

/** x tanh(softplus(x)) */
export class Mish extends Module {
  override forward(x: Tensor): Tensor {
    return mish(x)
  }
}

/** (x + 3) / 6 held between 0 and 1. */
export class Hardsigmoid extends Module {
  override forward(x: Tensor): Tensor {
    return hardsigmoid(x)
  }
}

/** x hardsigmoid(x) */
export class Hardswish extends Module {
  override forward(x: Tensor): Tensor {
    return hardswish(x)
  }
}

/** x / (1 + |x|) */
export class Softsign extends Module {
  override forward(x: Tensor): Tensor {
    return softsign(x)
  }
}

/** The logarithm of the sigmoid. */
export class LogSigmoid extends Module {
  override forward(x: Tensor): Tensor {
    return logSigmoid(x)
  }
}

/** x held between `low` and `high`, -1 and 1 unless given. */
export class Hardtanh extends Module {
  readonly low: number
  readonly high: number

  constructor(low = -1, high = 1) {
    super()
    this.low = low
    this.high = high
  }

  override forward(x: Tensor): Tensor {
    return hardtanh(x, this.low, this.high)
  }
}

/** The first half along an axis (the last unless given) times the sigmoid of the second (Dauphin et al. 2017). */
export class GLU extends Module {
  readonly axis: number

  constructor(axis = -1) {
    super()
    this.axis = axis
  }

  override forward(x: Tensor): Tensor {
    return glu(x, this.axis)
  }
}
