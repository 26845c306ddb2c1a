import type { Dataset } from '../../data/dataset.ts'
import { DataLoader } from '../../data/loader.ts'
import { fail } from '../../errors.ts'
import { compile } from '../../graph/compile.ts'
import { noGrad, type Tensor } from '../../graph/tensor.ts'
import { isFinite as finite } from '../../ops/rounding.ts'
import { all } from '../../ops/statistics.ts'
import type { DeepClustering } from './dec.ts'

/** Codes and assignments of samples, row by row. */
export interface Embedding {
  /** [samples, width]. */
  readonly codes: Float32Array
  readonly width: number
  /** [samples, clusters]. */
  readonly assignments: Float32Array
  readonly clusters: number
}

/** Codes and assignments of all samples of a dataset under `x`. Throws a WgradError where one holds NaN or infinite values. */
export async function embed(
  model: DeepClustering,
  data: Dataset<'x'>,
  options: { readonly batchSize?: number } = {},
): Promise<Embedding> {
  const { batchSize = 1024 } = options
  const [clusters, width] = model.centers.shape as [number, number]
  const out = {
    codes: new Float32Array(data.length * width),
    width,
    assignments: new Float32Array(data.length * clusters),
    clusters,
  }
  const step = compile((x: Tensor) =>
    noGrad(() => {
      const codes = model.autoencoder.encode(x)
      return { codes, assignments: model.assign(codes), whole: all(finite(x)) }
    }),
  )
  try {
    let row = 0
    for await (const { x } of new DataLoader(data, { batchSize })) {
      const { codes, assignments, whole } = step(x)
      const [some, shares, isWhole] = await Promise.all([codes.data(), assignments.data(), whole.data()])
      const last = row + (x.shape[0] as number) - 1
      if (!isWhole[0])
        fail('embed', `samples ${row} to ${last} hold NaN or infinite values`, 'fill them in, or leave the samples out')
      out.codes.set(some as Float32Array, row * width)
      out.assignments.set(shares as Float32Array, row * clusters)
      row = last + 1
    }
    return out
  } finally {
    step.release()
  }
}
