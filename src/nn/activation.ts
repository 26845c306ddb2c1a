import { fail } from '../errors.ts'
import type { Tensor } from '../graph/tensor.ts'
import { guarded } from '../graph/trace.ts'
import { mul } from '../ops/arithmetic.ts'
import { full } from '../ops/elementwise.ts'
import { flatten, permute } from '../ops/movement.ts'
import { dropout, hostScalar } from '../ops/random.ts'
import { logSoftmax, softmax } from '../ops/softmax.ts'
import { gelu, leakyRelu, relu, sigmoid, silu, softplus, tanh } from '../ops/unary.ts'
import { Module } from './module.ts'

/** max(x, 0) */
export class ReLU extends Module {
  override forward(x: Tensor): Tensor {
    return relu(x)
  }
}

/** x where positive, negativeSlope * x elsewhere. */
export class LeakyReLU extends Module {
  readonly negativeSlope: number

  constructor(negativeSlope = 0.01) {
    super()
    this.negativeSlope = negativeSlope
  }

  override forward(x: Tensor): Tensor {
    return leakyRelu(x, this.negativeSlope)
  }
}

/** x times the normal distribution's cumulative function, exactly or by tanh. */
export class GELU extends Module {
  readonly approximate: 'none' | 'tanh'

  constructor(options: { readonly approximate?: 'none' | 'tanh' } = {}) {
    super()
    this.approximate = options.approximate ?? 'none'
  }

  override forward(x: Tensor): Tensor {
    return gelu(x, { approximate: this.approximate })
  }
}

/** x sigmoid(x) */
export class SiLU extends Module {
  override forward(x: Tensor): Tensor {
    return silu(x)
  }
}

/** 1 / (1 + e ** -x) */
export class Sigmoid extends Module {
  override forward(x: Tensor): Tensor {
    return sigmoid(x)
  }
}

/** Hyperbolic tangent. */
export class Tanh extends Module {
  override forward(x: Tensor): Tensor {
    return tanh(x)
  }
}

/** log(1 + e ** x) */
export class Softplus extends Module {
  override forward(x: Tensor): Tensor {
    return softplus(x)
  }
}

/** Softmax over an axis, the last unless given. */
export class Softmax extends Module {
  readonly axis: number

  constructor(axis = -1) {
    super()
    this.axis = axis
  }

  override forward(x: Tensor): Tensor {
    return softmax(x, this.axis)
  }
}

/** Logarithm of the softmax over an axis, the last unless given. */
export class LogSoftmax extends Module {
  readonly axis: number

  constructor(axis = -1) {
    super()
    this.axis = axis
  }

  override forward(x: Tensor): Tensor {
    return logSoftmax(x, this.axis)
  }
}

/**
 * In training zeroes elements with probability `p` and scales the rest by 1 / (1 - p). `p` may be changed at any time;
 * compiled steps read it anew.
 */
export class Dropout extends Module {
  p: number

  constructor(p = 0.5) {
    super()
    if (!(p >= 0 && p < 1)) fail('Dropout', `p is ${p}`, 'it must be at least 0 and below 1')
    this.p = p
  }

  override forward(x: Tensor): Tensor {
    if (!this.isTraining() || !guarded('dropout', () => this.p > 0)) return x
    return dropout(
      x,
      hostScalar(() => this.p, x.device),
    )
  }
}

/**
 * In training zeroes whole channels of an image with probability `p` and scales the rest by 1 / (1 - p) (Tompson et al. 2015).
 *
 * Shape: [N, ..., C] -> the same.
 */
export class Dropout2d extends Dropout {
  override forward(x: Tensor): Tensor {
    if (!this.isTraining()) return x
    const { shape } = x
    const channels = shape.map((size, d) => (d === 0 || d === shape.length - 1 ? size : 1))
    return mul(x, super.forward(full(channels, 1, x.dtype, x.device)))
  }
}

/**
 * All axes but the first made one. Images [N, H, W, C] are flattened in the order C, H, W, so that the weights of a
 * Linear behind it are PyTorch's.
 */
export class Flatten extends Module {
  override forward(x: Tensor): Tensor {
    return flatten(x.shape.length === 4 ? permute(x, [0, 3, 1, 2]) : x, Math.min(1, x.shape.length - 1))
  }
}
