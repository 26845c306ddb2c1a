/**
 * A plane on which points of many dimensions are shown: that in which they vary most. It follows from one call to the next, so that a
 * picture moves and does not jump.
 */
export class Projection {
  private axes: Float64Array[] = []

  /** [n, width] -> [n, 2], around 0. */
  place(points: Float32Array, width: number): Float32Array<ArrayBuffer> {
    const count = points.length / width
    const means = new Float64Array(width)
    points.forEach((value, i) => {
      means[i % width] = (means[i % width] as number) + value / count
    })
    const centered = Float64Array.from(points, (value, i) => value - (means[i % width] as number))
    if (this.axes[0]?.length !== width) this.axes = firstAxes(width)
    // Power iteration: each round turns the axes towards those of the largest variance.
    for (let round = 0; round < 8; round++) this.axes = orthonormal(this.axes.map((axis) => covary(centered, axis)))
    const out = new Float32Array(2 * count)
    for (let i = 0; i < count; i++) {
      const row = centered.subarray(i * width, (i + 1) * width)
      this.axes.forEach((axis, k) => {
        out[2 * i + k] = dot(row, axis)
      })
    }
    return out
  }
}

/** Two directions that are along no single dimension. */
function firstAxes(width: number): Float64Array[] {
  const wave = (shift: number): Float64Array => Float64Array.from({ length: width }, (_, i) => Math.sin(1 + i * shift))
  return orthonormal([wave(1.3), wave(2.9)])
}

/** The covariance matrix of rows times an axis, up to a factor. */
function covary(rows: Float64Array, axis: Float64Array): Float64Array {
  const width = axis.length
  const out = new Float64Array(width)
  for (let at = 0; at < rows.length; at += width) {
    const row = rows.subarray(at, at + width)
    const along = dot(row, axis)
    for (let i = 0; i < width; i++) out[i] = (out[i] as number) + along * (row[i] as number)
  }
  return out
}

/** Axes of length 1 at right angles; one without length stays where it is. */
function orthonormal(axes: readonly Float64Array[]): Float64Array[] {
  const done: Float64Array[] = []
  for (const axis of axes) {
    const rest = axis.slice()
    for (const other of done) {
      const along = dot(rest, other)
      rest.forEach((value, i) => {
        rest[i] = value - along * (other[i] as number)
      })
    }
    const length = Math.sqrt(dot(rest, rest))
    done.push(length > 1e-12 ? rest.map((value) => value / length) : rest)
  }
  return done
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, i) => sum + value * (b[i] as number), 0)
}
