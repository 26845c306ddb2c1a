import { fail } from '../../errors.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { Module } from '../../nn/module.ts'
import { Parameter } from '../../nn/parameter.ts'
import { add, div, log, maximum, mul, pow, sub } from '../../ops/arithmetic.ts'
import { full } from '../../ops/elementwise.ts'
import { squaredDistances } from '../../ops/products.ts'
import { mean, sum } from '../../ops/reduce.ts'
import { square } from '../../ops/unary.ts'
import { formatShape } from '../../shape.ts'
import { Autoencoder } from './autoencoder.ts'

/**
 * How much codes belong to clusters, by Student's t distribution (van der Maaten and Hinton 2008; equation 1 of Xie et al. 2016): codes
 * [N, code] and centers [clusters, code] -> [N, clusters], rows of sum 1.
 *
 * @param alpha Degrees of freedom; 1 unless given.
 */
export function softAssignment(codes: Tensor, centers: Tensor, alpha = 1): Tensor {
  if (!(alpha > 0)) fail('softAssignment', `alpha is ${alpha}`, 'it must be above 0')
  const near = pow(add(div(squaredDistances(codes, centers), alpha), 1), -(alpha + 1) / 2)
  return div(near, sum(near, 1, true))
}

/**
 * What the assignments should become (equation 3 of Xie et al. 2016): squared, so that what is sure gets surer, and divided by the size of
 * the cluster, so that large ones take no more than small ones. q [N, clusters] of all samples -> the same shape, rows of sum 1.
 */
export function targetDistribution(q: Tensor): Tensor {
  const weights = div(square(q), maximum(sum(q, 0, true), 1e-12))
  return div(weights, sum(weights, 1, true))
}

/** Divergence of assignments q from their targets p, Kullback and Leibler's, the mean over samples: two of [N, clusters] -> []. */
export function assignmentLoss(q: Tensor, p: Tensor): Tensor {
  const least = 1e-12
  return mean(sum(mul(p, sub(log(maximum(p, least)), log(maximum(q, least)))), 1))
}

/**
 * Deep embedded clustering (Xie, Girshick and Farhadi 2016, "Unsupervised Deep Embedding for Clustering Analysis"): codes of an
 * autoencoder, and centers among them that are trained together with the encoder. `trainClusters` trains it.
 */
export class DeepClustering extends Module {
  readonly autoencoder: Autoencoder
  /** Centers of the clusters, [clusters, code]; zeros until they are set. */
  readonly centers: Parameter
  readonly alpha: number

  /** @param options.alpha Degrees of freedom of the assignment; 1 unless given. */
  constructor(autoencoder: Autoencoder, clusters: number, options: { readonly alpha?: number } = {}) {
    super()
    if (!(autoencoder instanceof Autoencoder))
      fail('DeepClustering', `autoencoder is ${typeof autoencoder}`, 'give an Autoencoder')
    if (!Number.isInteger(clusters) || clusters < 2)
      fail('DeepClustering', `clusters is ${clusters}`, 'it must be a whole number of at least 2')
    this.autoencoder = autoencoder
    this.centers = new Parameter(full([clusters, autoencoder.widths.at(-1) as number], 0), 'DeepClustering.centers')
    this.alpha = options.alpha ?? 1
  }

  /** How much samples belong to each cluster. Shape: [N, ...] -> [N, clusters]. */
  override forward(x: Tensor): Tensor {
    return this.assign(this.autoencoder.encode(x))
  }

  /** The same of codes. Shape: [N, code] -> [N, clusters]. */
  assign(codes: Tensor): Tensor {
    if (codes.shape[1] !== this.centers.shape[1])
      fail(
        'DeepClustering',
        `codes are ${formatShape(codes.shape)}`,
        `they must be [samples, ${this.centers.shape[1]}], as the centers`,
      )
    return softAssignment(codes, this.centers, this.alpha)
  }
}
