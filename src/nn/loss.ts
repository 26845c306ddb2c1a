import type { Tensor } from '../graph/tensor.ts'
import {
  bceLoss,
  type CosineEmbeddingOptions,
  type CosineOptions,
  cosineEmbeddingLoss,
  cosineSimilarity,
  type HuberOptions,
  huberLoss,
  type KlDivOptions,
  klDivLoss,
  nllLoss,
  type SmoothL1Options,
  smoothL1Loss,
} from '../ops/distance-loss.ts'
import {
  type BceOptions,
  type BceWithLogitsOptions,
  bceWithLogits,
  type CrossEntropyOptions,
  crossEntropy,
  type LossOptions,
  l1Loss,
  mseLoss,
  type NllOptions,
} from '../ops/loss.ts'
import { Module } from './module.ts'

/** A loss with its options; `forward(x, target)`. */
abstract class Loss<Options> extends Module {
  readonly options: Options

  constructor(options: Options) {
    super()
    this.options = options
  }

  /** The loss of what a model gave, compared with the target; shapes are those of the function of the same name. */
  abstract override forward(x: Tensor, target: Tensor): Tensor
}

/** {@link crossEntropy} as a module: logits [..., C], classes [...]. */
export class CrossEntropyLoss extends Loss<CrossEntropyOptions> {
  constructor(options: CrossEntropyOptions = {}) {
    super(options)
  }

  override forward(logits: Tensor, target: Tensor): Tensor {
    return crossEntropy(logits, target, this.options)
  }
}

/** {@link nllLoss} as a module: logarithms of probabilities [..., C], classes [...]. */
export class NLLLoss extends Loss<NllOptions> {
  constructor(options: NllOptions = {}) {
    super(options)
  }

  override forward(logProbs: Tensor, target: Tensor): Tensor {
    return nllLoss(logProbs, target, this.options)
  }
}

/** {@link mseLoss} as a module. */
export class MSELoss extends Loss<LossOptions> {
  constructor(options: LossOptions = {}) {
    super(options)
  }

  override forward(x: Tensor, target: Tensor): Tensor {
    return mseLoss(x, target, this.options)
  }
}

/** {@link l1Loss} as a module. */
export class L1Loss extends Loss<LossOptions> {
  constructor(options: LossOptions = {}) {
    super(options)
  }

  override forward(x: Tensor, target: Tensor): Tensor {
    return l1Loss(x, target, this.options)
  }
}

/** {@link huberLoss} as a module. */
export class HuberLoss extends Loss<HuberOptions> {
  constructor(options: HuberOptions = {}) {
    super(options)
  }

  override forward(x: Tensor, target: Tensor): Tensor {
    return huberLoss(x, target, this.options)
  }
}

/** {@link smoothL1Loss} as a module. */
export class SmoothL1Loss extends Loss<SmoothL1Options> {
  constructor(options: SmoothL1Options = {}) {
    super(options)
  }

  override forward(x: Tensor, target: Tensor): Tensor {
    return smoothL1Loss(x, target, this.options)
  }
}

/** {@link bceLoss} as a module: probabilities and targets from 0 to 1. */
export class BCELoss extends Loss<BceOptions> {
  constructor(options: BceOptions = {}) {
    super(options)
  }

  override forward(probs: Tensor, target: Tensor): Tensor {
    return bceLoss(probs, target, this.options)
  }
}

/** {@link bceWithLogits} as a module. */
export class BCEWithLogitsLoss extends Loss<BceWithLogitsOptions> {
  constructor(options: BceWithLogitsOptions = {}) {
    super(options)
  }

  override forward(logits: Tensor, target: Tensor): Tensor {
    return bceWithLogits(logits, target, this.options)
  }
}

/** {@link klDivLoss} as a module. */
export class KLDivLoss extends Loss<KlDivOptions> {
  constructor(options: KlDivOptions = {}) {
    super(options)
  }

  override forward(logProbs: Tensor, target: Tensor): Tensor {
    return klDivLoss(logProbs, target, this.options)
  }
}

/** {@link cosineSimilarity} as a module. */
export class CosineSimilarity extends Loss<CosineOptions> {
  constructor(options: CosineOptions = {}) {
    super(options)
  }

  override forward(a: Tensor, b: Tensor): Tensor {
    return cosineSimilarity(a, b, this.options)
  }
}

/** {@link cosineEmbeddingLoss} as a module: `forward(a, b, target)`. */
export class CosineEmbeddingLoss extends Module {
  readonly options: CosineEmbeddingOptions

  constructor(options: CosineEmbeddingOptions = {}) {
    super()
    this.options = options
  }

  override forward(a: Tensor, b: Tensor, target: Tensor): Tensor {
    return cosineEmbeddingLoss(a, b, target, this.options)
  }
}
