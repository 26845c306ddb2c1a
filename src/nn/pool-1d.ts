import { fail } from '../errors.ts'
import type { Tensor } from '../graph/tensor.ts'
import { avgPool2d, maxPool2d } from '../ops/pool.ts'
import { reshape } from '../ops/reshape.ts'
import { formatShape } from '../shape.ts'
import { Module } from './module.ts'

/** Options of the one-dimensional pooling modules. */
export interface Pool1dOptions {
  /** Steps between windows; the kernel size unless given. */
  readonly stride?: number
  /** Steps at both ends; at most half the kernel, 0 unless given. */
  readonly padding?: number
}

/** Sequences as images of one row. */
function alongRow(name: string, x: Tensor, pool: (image: Tensor) => Tensor): Tensor {
  if (x.shape.length !== 3)
    fail(name, `the input is ${formatShape(x.shape)}`, 'it must be [sequences, length, channels]')
  const [n = 0, length = 0, channels = 0] = x.shape
  const y = pool(reshape(x, [n, 1, length, channels]))
  return reshape(y, [n, y.shape[2] as number, channels])
}

/** The largest element of each window. Shape: [N, L, C] -> [N, L', C]. */
export class MaxPool1d extends Module {
  readonly kernelSize: number
  readonly options: Pool1dOptions

  constructor(kernelSize: number, options: Pool1dOptions = {}) {
    super()
    this.kernelSize = kernelSize
    this.options = options
  }

  override forward(x: Tensor): Tensor {
    const { stride = this.kernelSize, padding = 0 } = this.options
    return alongRow('MaxPool1d', x, (image) =>
      maxPool2d(image, [1, this.kernelSize], { stride: [1, stride], padding: [0, padding] }),
    )
  }
}

/** The mean of each window. Shape: [N, L, C] -> [N, L', C]. */
export class AvgPool1d extends Module {
  readonly kernelSize: number
  readonly options: Pool1dOptions & { readonly countIncludePad?: boolean }

  constructor(kernelSize: number, options: Pool1dOptions & { readonly countIncludePad?: boolean } = {}) {
    super()
    this.kernelSize = kernelSize
    this.options = options
  }

  override forward(x: Tensor): Tensor {
    const { stride = this.kernelSize, padding = 0, countIncludePad = true } = this.options
    return alongRow('AvgPool1d', x, (image) =>
      avgPool2d(image, [1, this.kernelSize], { stride: [1, stride], padding: [0, padding], countIncludePad }),
    )
  }
}
