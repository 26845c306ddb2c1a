/** A value in double precision on the tape, with the gradient of the loss with respect to it. */
export interface Value {
  readonly shape: readonly number[]
  readonly data: Float64Array
  readonly grad: Float64Array
  /** Adds to the gradients of what it was made of. */
  readonly back: (() => void) | null
}

/** Values in the order in which they were made. */
export type Tape = Value[]

/** Elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1)
}

/** A value without a history. */
export function leaf(shape: readonly number[], data: ArrayLike<number>): Value {
  return { shape, data: Float64Array.from(data), grad: new Float64Array(data.length), back: null }
}

/** A value whose gradient `back` passes on. */
export function record(
  tape: Tape,
  shape: readonly number[],
  data: Float64Array,
  back: (dy: Float64Array) => void,
): Value {
  const grad = new Float64Array(data.length)
  const value = { shape, data, grad, back: () => back(grad) }
  tape.push(value)
  return value
}

/** Gradients of the product sum of `y` with `seed`, into the `grad` of all that it was made of. */
export function backward(tape: Tape, y: Value, seed: ArrayLike<number>): void {
  y.grad.set(Float64Array.from(seed))
  for (const value of tape.toReversed()) value.back?.()
}

/** f of each element; `slope` is of x and f(x). */
export function each(tape: Tape, x: Value, f: (x: number) => number, slope: (x: number, y: number) => number): Value {
  const y = x.data.map(f)
  return record(tape, x.shape, y, (dy) => {
    for (let i = 0; i < y.length; i++)
      x.grad[i] = (x.grad[i] as number) + (dy[i] as number) * slope(x.data[i] as number, y[i] as number)
  })
}

export const relu = (tape: Tape, x: Value): Value =>
  each(
    tape,
    x,
    (v) => Math.max(0, v),
    (v) => (v > 0 ? 1 : 0),
  )

export const tanh = (tape: Tape, x: Value): Value => each(tape, x, Math.tanh, (_, y) => 1 - y * y)

export const sigmoid = (tape: Tape, x: Value): Value =>
  each(
    tape,
    x,
    (v) => 1 / (1 + Math.exp(-v)),
    (_, y) => y * (1 - y),
  )

/** GELU in the form with tanh. */
export function gelu(tape: Tape, x: Value): Value {
  const c = Math.sqrt(2 / Math.PI)
  const inner = (v: number): number => Math.tanh(c * (v + 0.044715 * v ** 3))
  return each(
    tape,
    x,
    (v) => 0.5 * v * (1 + inner(v)),
    (v) => {
      const t = inner(v)
      return 0.5 * (1 + t) + 0.5 * v * (1 - t * t) * c * (1 + 3 * 0.044715 * v * v)
    },
  )
}

/** a + b, where b repeats along the leading axes of a. */
export function add(tape: Tape, a: Value, b: Value): Value {
  const n = b.data.length
  const y = a.data.map((v, i) => v + (b.data[i % n] as number))
  return record(tape, a.shape, y, (dy) => {
    for (let i = 0; i < y.length; i++) {
      const d = dy[i] as number
      a.grad[i] = (a.grad[i] as number) + d
      b.grad[i % n] = (b.grad[i % n] as number) + d
    }
  })
}

/** a * b of one shape. */
export function mul(tape: Tape, a: Value, b: Value): Value {
  const y = a.data.map((v, i) => v * (b.data[i] as number))
  return record(tape, a.shape, y, (dy) => {
    for (let i = 0; i < y.length; i++) {
      a.grad[i] = (a.grad[i] as number) + (dy[i] as number) * (b.data[i] as number)
      b.grad[i] = (b.grad[i] as number) + (dy[i] as number) * (a.data[i] as number)
    }
  })
}

/** The same elements in another shape. */
export function reshape(tape: Tape, x: Value, shape: readonly number[]): Value {
  return record(tape, shape, x.data, (dy) => {
    for (let i = 0; i < dy.length; i++) x.grad[i] = (x.grad[i] as number) + (dy[i] as number)
  })
}

/** The elements at `index`, in `shape`. */
export function pick(tape: Tape, x: Value, shape: readonly number[], index: (i: number) => number): Value {
  const from = Int32Array.from({ length: sizeOf(shape) }, (_, i) => index(i))
  const y = Float64Array.from(from, (i) => x.data[i] as number)
  return record(tape, shape, y, (dy) => {
    for (let i = 0; i < y.length; i++)
      x.grad[from[i] as number] = (x.grad[from[i] as number] as number) + (dy[i] as number)
  })
}

/** Axes in another order. */
export function permute(tape: Tape, x: Value, axes: readonly number[]): Value {
  const strides = x.shape.map((_, d) => sizeOf(x.shape.slice(d + 1)))
  const shape = axes.map((a) => x.shape[a] as number)
  return pick(tape, x, shape, (i) => {
    let rest = i
    let from = 0
    for (let d = axes.length - 1; d >= 0; d--) {
      const size = shape[d] as number
      from += (rest % size) * (strides[axes[d] as number] as number)
      rest = Math.floor(rest / size)
    }
    return from
  })
}

/** Batched product a [.., m, k] times b [.., k, n], or b transposed [.., n, k]; a b without batch serves all. */
export function matmul(tape: Tape, a: Value, b: Value, transB = false): Value {
  const [m, k] = a.shape.slice(-2) as [number, number]
  const n = (transB ? b.shape.at(-2) : b.shape.at(-1)) as number
  const batches = a.data.length / (m * k)
  const shared = b.data.length === k * n
  const y = new Float64Array(batches * m * n)
  const [rowStep, columnStep] = transB ? [1, k] : [n, 1]
  for (let s = 0; s < batches; s++) {
    const at = shared ? 0 : s * k * n
    for (let i = 0; i < m; i++) {
      const row = (s * m + i) * k
      for (let j = 0; j < n; j++) {
        let sum = 0
        for (let l = 0; l < k; l++)
          sum += (a.data[row + l] as number) * (b.data[at + l * rowStep + j * columnStep] as number)
        y[(s * m + i) * n + j] = sum
      }
    }
  }
  return record(tape, [...a.shape.slice(0, -1), n], y, (dy) => {
    for (let s = 0; s < batches; s++) {
      const at = shared ? 0 : s * k * n
      for (let i = 0; i < m; i++) {
        const row = (s * m + i) * k
        for (let j = 0; j < n; j++) {
          const d = dy[(s * m + i) * n + j] as number
          if (d === 0) continue
          for (let l = 0; l < k; l++) {
            const e = at + l * rowStep + j * columnStep
            a.grad[row + l] = (a.grad[row + l] as number) + d * (b.data[e] as number)
            b.grad[e] = (b.grad[e] as number) + d * (a.data[row + l] as number)
          }
        }
      }
    }
  })
}
