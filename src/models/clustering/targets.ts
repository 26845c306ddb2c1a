import type { Dataset, HostArray } from '../../data/dataset.ts'
import { tensor } from '../../graph/tensor.ts'
import { targetDistribution } from './dec.ts'
import type { Embedding } from './embed.ts'

/** Samples with what their assignments should become. */
export class Targets implements Dataset<'x' | 'p'> {
  readonly length: number
  private readonly data: Dataset<'x'>
  private readonly clusters: number
  private rows: Float32Array

  constructor(data: Dataset<'x'>, clusters: number) {
    this.data = data
    this.length = data.length
    this.clusters = clusters
    this.rows = new Float32Array(data.length * clusters)
  }

  /** Makes the targets anew. */
  async update({ assignments }: Embedding): Promise<void> {
    const q = tensor(assignments, { shape: [this.length, this.clusters] })
    this.rows = (await targetDistribution(q).data()) as Float32Array
  }

  async batch(indices: Uint32Array, signal?: AbortSignal): Promise<Record<'x' | 'p', HostArray>> {
    const { clusters, rows } = this
    const data = new Float32Array(indices.length * clusters)
    indices.forEach((row, i) => {
      data.set(rows.subarray(row * clusters, (row + 1) * clusters), i * clusters)
    })
    const { x } = await this.data.batch(indices, signal)
    return { x, p: { data, shape: [indices.length, clusters], dtype: 'f32' } }
  }
}
