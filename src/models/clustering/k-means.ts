import { fail } from '../../errors.ts'
import { compile } from '../../graph/compile.ts'
import { noGrad, type Tensor, tensor } from '../../graph/tensor.ts'
import { add, div, greater, maximum, minimum, sub, where } from '../../ops/arithmetic.ts'
import { oneHot, take } from '../../ops/gather.ts'
import { matmul } from '../../ops/matmul.ts'
import { concat, transpose, unsqueeze } from '../../ops/movement.ts'
import { squaredDistances } from '../../ops/products.ts'
import { argmax, mean, min, sum } from '../../ops/reduce.ts'
import { reshape } from '../../ops/reshape.ts'
import { isFinite as finite } from '../../ops/rounding.ts'
import { multinomial, randint } from '../../ops/sampling.ts'
import { all, argmin, variance } from '../../ops/statistics.ts'
import { square } from '../../ops/unary.ts'
import { formatShape } from '../../shape.ts'

/** Options of {@link kMeans}. */
export interface KMeansOptions {
  readonly clusters: number
  /** How often to begin with other centers; the best of all is kept. 10 unless given. */
  readonly restarts?: number
  /** The most that the centers move in one start; 300 unless given. */
  readonly maxIterations?: number
  /** The centers are at rest when their squared shifts, added up, are at most this share of the mean variance; 1e-4 unless given. */
  readonly tolerance?: number
}

/** What {@link kMeans} finds. */
export interface KMeansResult {
  /** [clusters, features]. */
  readonly centers: Tensor
  /** The cluster of each sample. */
  readonly labels: Int32Array
  /** Squared distances of the samples to their centers, added up. */
  readonly inertia: number
}

/** Iterations between two looks at the shift; those after the centers came to rest change nothing to speak of. */
const blockOf = 8

/**
 * k-means (Lloyd 1982) on the GPU, begun at centers drawn by k-means++ (Arthur and Vassilvitskii 2007). A cluster that loses all its
 * samples moves to the sample farthest from its center. Draws from the generator that `manualSeed` sets.
 *
 * @param x f32 [samples, features]. Distances are taken from its mean, so that they are exact however far the samples lie from 0.
 * @throws WgradError where there are fewer samples than clusters, or a value is not finite.
 */
export async function kMeans(x: Tensor, options: KMeansOptions): Promise<KMeansResult> {
  const { clusters, restarts = 10, maxIterations = 300, tolerance = 1e-4 } = options
  await check(x, { clusters, restarts, maxIterations, tolerance })
  const middle = await settled(noGrad(() => mean(x, 0, true)))
  const centered = await settled(noGrad(() => sub(x, middle)))
  const seed = compile(() => ({ centers: noGrad(() => plusPlus(centered, clusters)) }))
  const iterate = compile((centers: Tensor) => noGrad(() => lloyd(centered, centers)))
  const assign = compile((centers: Tensor) => noGrad(() => assignment(centered, centers)))
  try {
    const limit = tolerance * (await scalar(mean(variance(centered, 0, false, 0))))
    let best: KMeansResult | null = null
    for (let start = 0; start < restarts; start++) {
      let { centers } = seed()
      for (let done = 0; done < maxIterations; done += blockOf) {
        let shift = centers
        for (let i = 0; i < Math.min(blockOf, maxIterations - done); i++) ({ centers, shift } = iterate(centers))
        if ((await scalar(shift)) <= limit) break
      }
      const { labels, inertia } = assign(centers)
      const found = await scalar(inertia)
      if (best && found >= best.inertia) continue
      const placed = await settled(noGrad(() => add(centers, middle)))
      best = { centers: placed, labels: (await labels.data()) as Int32Array, inertia: found }
    }
    return best as KMeansResult
  } finally {
    for (const step of [seed, iterate, assign]) step.release()
  }
}

async function check(x: Tensor, options: Required<KMeansOptions>): Promise<void> {
  if (x.shape.length !== 2 || x.dtype !== 'f32')
    fail('kMeans', `x is ${x.dtype} ${formatShape(x.shape)}`, 'it must be f32 [samples, features]')
  const [samples = 0] = x.shape
  const { clusters, restarts, maxIterations, tolerance } = options
  for (const [name, value] of Object.entries({ clusters, restarts, maxIterations }))
    if (!Number.isInteger(value) || value < 1)
      fail('kMeans', `${name} is ${value}`, 'it must be a whole number of at least 1')
  if (!(tolerance >= 0)) fail('kMeans', `tolerance is ${tolerance}`, 'it must be at least 0')
  if (samples < clusters)
    fail('kMeans', `${samples} samples for ${clusters} clusters`, 'give at least as many samples as clusters')
  if (!(await scalar(all(finite(x)))))
    fail('kMeans', 'x holds NaN or infinite values', 'fill in what is missing, or leave these samples out')
}

/** Centers drawn one after another, each with a probability in proportion to the squared distance to those before. */
function plusPlus(x: Tensor, clusters: number): Tensor {
  const [samples = 0] = x.shape
  const first = take(x, 0, randint(0, samples, [1]))
  const centers = [first]
  let nearest = distancesTo(x, first)
  while (centers.length < clusters) {
    const next = take(x, 0, multinomial(nearest, 1, true))
    centers.push(next)
    nearest = minimum(nearest, distancesTo(x, next))
  }
  return concat(centers, 0)
}

/** [samples, features] and [1, features] -> [samples]. */
function distancesTo(x: Tensor, center: Tensor): Tensor {
  return sum(square(sub(x, center)), 1)
}

/** Samples to their nearest centers. */
function assignment(x: Tensor, centers: Tensor): { labels: Tensor; inertia: Tensor; nearest: Tensor } {
  const distances = squaredDistances(x, centers)
  const nearest = min(distances, 1)
  return { labels: argmin(distances, 1), inertia: sum(nearest), nearest }
}

/** Centers to the means of their samples. */
function lloyd(x: Tensor, centers: Tensor): { centers: Tensor; shift: Tensor } {
  const { labels, nearest } = assignment(x, centers)
  const members = oneHot(labels, centers.shape[0] as number)
  const counts = unsqueeze(sum(members, 0), 1)
  const means = div(matmul(transpose(members), x), maximum(counts, 1))
  const farthest = take(x, 0, reshape(argmax(nearest), [1]))
  const moved = where(greater(counts, 0), means, farthest)
  return { centers: moved, shift: sum(square(sub(moved, centers))) }
}

/** The tensor as plain data, which stays when what made it is gone. */
async function settled(x: Tensor): Promise<Tensor> {
  return tensor(await x.data(), { shape: x.shape, device: x.device })
}

async function scalar(x: Tensor): Promise<number> {
  return (await x.data())[0] as number
}
