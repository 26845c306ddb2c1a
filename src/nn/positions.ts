import { fail } from '../errors.ts'
import { type Tensor, tensor } from '../graph/tensor.ts'
import { add, mul, sub } from '../ops/arithmetic.ts'
import { embedding } from '../ops/gather.ts'
import { concat, slice } from '../ops/movement.ts'
import { reshape } from '../ops/reshape.ts'
import { formatShape } from '../shape.ts'
import { Module } from './module.ts'

/** Options of {@link RotaryEmbedding}. */
export interface RotaryOptions {
  /** Positions that there are; 2048 unless given. */
  readonly maxLength?: number
  /** The wavelengths go up to 2 pi times this; 10000 unless given. */
  readonly base?: number
}

/** `of(angle)` of every position and frequency, computed in double precision: [positions, frequencies]. */
function table(positions: number, frequencies: number, base: number, of: (angle: number) => number): Tensor {
  const values = Float32Array.from({ length: positions * frequencies }, (_, i) => {
    const [position, k] = [Math.floor(i / frequencies), i % frequencies]
    return of(position * base ** (-k / frequencies))
  })
  return tensor(values, { shape: [positions, frequencies] })
}

/** The rows of a table for a sequence: the first ones, or those at `positions`. */
function rowsFor(op: string, rows: Tensor, length: number, positions: Tensor | undefined): Tensor {
  if (positions) return embedding(rows, positions)
  const most = rows.shape[0] as number
  if (length > most) fail(op, `a sequence of ${length}`, `maxLength is ${most}; make it with a larger one`)
  return slice(rows, [[0, length]])
}

/**
 * Turns pairs of features of queries or keys by angles that grow with the position (Su et al. 2021): feature k of the first half of a
 * head goes with feature k of the second. It has no parameters.
 *
 * Shape: x [batch, length, heads, headDim], positions i32 [length] or [batch, length], 0 to length - 1 unless given -> x's shape.
 */
export class RotaryEmbedding extends Module {
  readonly headDim: number
  readonly #cos: Tensor
  readonly #sin: Tensor

  constructor(headDim: number, { maxLength = 2048, base = 10000 }: RotaryOptions = {}) {
    super()
    if (!(Number.isInteger(headDim) && headDim > 0 && headDim % 2 === 0))
      fail('RotaryEmbedding', `headDim is ${headDim}`, 'it must be a positive even number')
    this.headDim = headDim
    this.#cos = table(maxLength, headDim / 2, base, Math.cos)
    this.#sin = table(maxLength, headDim / 2, base, Math.sin)
  }

  override forward(x: Tensor, positions?: Tensor): Tensor {
    const [, length = 0, , size] = x.shape
    if (x.shape.length !== 4 || size !== this.headDim)
      fail('RotaryEmbedding', `x is ${formatShape(x.shape)}`, `it must be [batch, length, heads, ${this.headDim}]`)
    const half = this.headDim / 2
    const angles = (rows: Tensor): Tensor => {
      const own = rowsFor('RotaryEmbedding', rows, length, positions)
      return reshape(own, [...own.shape.slice(0, -1), 1, half])
    }
    const [cos, sin] = [angles(this.#cos), angles(this.#sin)]
    const first = slice(x, [null, null, null, [0, half]])
    const second = slice(x, [null, null, null, [half]])
    return concat([sub(mul(first, cos), mul(second, sin)), add(mul(second, cos), mul(first, sin))], 3)
  }
}

/**
 * Adds sines and cosines of the position to features (Vaswani et al. 2017): sines at the even ones, cosines at the odd ones. It has no
 * parameters.
 *
 * Shape: x [batch, length, dModel] -> the same.
 */
export class SinusoidalPositions extends Module {
  readonly dModel: number
  readonly #table: Tensor

  constructor(dModel: number, { maxLength = 2048, base = 10000 }: RotaryOptions = {}) {
    super()
    if (!(Number.isInteger(dModel) && dModel > 0 && dModel % 2 === 0))
      fail('SinusoidalPositions', `dModel is ${dModel}`, 'it must be a positive even number')
    this.dModel = dModel
    const values = Float32Array.from({ length: maxLength * dModel }, (_, i) => {
      const [position, d] = [Math.floor(i / dModel), i % dModel]
      const angle = position * base ** (-(d - (d % 2)) / dModel)
      return d % 2 === 0 ? Math.sin(angle) : Math.cos(angle)
    })
    this.#table = tensor(values, { shape: [maxLength, dModel] })
  }

  override forward(x: Tensor): Tensor {
    if (x.shape.length !== 3 || x.shape[2] !== this.dModel)
      fail('SinusoidalPositions', `x is ${formatShape(x.shape)}`, `it must be [batch, length, ${this.dModel}]`)
    return add(x, rowsFor('SinusoidalPositions', this.#table, x.shape[1] as number, undefined))
  }
}
