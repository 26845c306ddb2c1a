import { clamp, concat, expand, maximum, type Tensor, tensor } from '../../src/index.ts'

/** A matrix of the reference interpreter. */
export interface Matrix {
  readonly shape: readonly [number, number]
  readonly data: Float64Array
}

/** One op of the random programs, twice: on tensors, and on f64 arrays with nothing of the engine in it. */
export interface ProgramOp {
  readonly inputs: 1 | 2
  readonly engine: (a: Tensor, b: Tensor) => Tensor
  readonly reference: (a: Matrix, b: Matrix) => Matrix
  /** Largest magnitude of the result, given those of the inputs. */
  readonly bound: (a: number, b: number) => number
  /** Whether the op takes these shapes. */
  readonly takes?: (a: readonly number[], b: readonly number[]) => boolean
}

/** Rows and columns of a full matrix; an axis of the programs has this size or 1. */
export const size = 3

/** A tensor of a reference matrix. */
export function tensorOf(m: Matrix): Tensor {
  return tensor(Float32Array.from(m.data), { shape: m.shape })
}

export function matrix(rows: number, columns: number, at: (row: number, column: number) => number): Matrix {
  const data = new Float64Array(rows * columns)
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) data[r * columns + c] = at(r, c)
  return { shape: [rows, columns], data }
}

function get(m: Matrix, row: number, column: number): number {
  const [rows, columns] = m.shape
  return m.data[(rows === 1 ? 0 : row) * columns + (columns === 1 ? 0 : column)] as number
}

function both(f: (a: number, b: number) => number): (a: Matrix, b: Matrix) => Matrix {
  return (a, b) =>
    matrix(Math.max(a.shape[0], b.shape[0]), Math.max(a.shape[1], b.shape[1]), (r, c) => f(get(a, r, c), get(b, r, c)))
}

function each(f: (a: number) => number): (a: Matrix) => Matrix {
  return (a) => matrix(a.shape[0], a.shape[1], (r, c) => f(get(a, r, c)))
}

function range(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i)
}

const isFull = (s: readonly number[]): boolean => s[0] === size && s[1] === size

/** Largest magnitude that a variable or the operand of a product may have, so that f32 holds every result exactly. */
export const mostOf = 60

export const programOps: Readonly<Record<string, ProgramOp>> = {
  add: { inputs: 2, engine: (a, b) => a.add(b), reference: both((a, b) => a + b), bound: (a, b) => a + b },
  sub: { inputs: 2, engine: (a, b) => a.sub(b), reference: both((a, b) => a - b), bound: (a, b) => a + b },
  mul: { inputs: 2, engine: (a, b) => a.mul(b), reference: both((a, b) => a * b), bound: (a, b) => a * b },
  maximum: { inputs: 2, engine: maximum, reference: both(Math.max), bound: Math.max },
  neg: { inputs: 1, engine: (a) => a.neg(), reference: each((a) => -a), bound: (a) => a },
  relu: { inputs: 1, engine: (a) => a.relu(), reference: each((a) => Math.max(a, 0)), bound: (a) => a },
  twice: { inputs: 1, engine: (a) => a.mul(2).add(1), reference: each((a) => 2 * a + 1), bound: (a) => 2 * a + 1 },
  clamp: {
    inputs: 1,
    engine: (a) => clamp(a, -mostOf, mostOf),
    reference: each((a) => Math.min(Math.max(a, -mostOf), mostOf)),
    bound: (a) => Math.min(a, mostOf),
  },
  transpose: {
    inputs: 1,
    engine: (a) => a.transpose(),
    reference: (a) => matrix(a.shape[1], a.shape[0], (r, c) => get(a, c, r)),
    bound: (a) => a,
  },
  flip: {
    inputs: 1,
    engine: (a) => a.slice([[-1, null, -1]]),
    reference: (a) => matrix(a.shape[0], a.shape[1], (r, c) => get(a, a.shape[0] - 1 - r, c)),
    bound: (a) => a,
  },
  rotate: {
    inputs: 1,
    engine: (a) => concat([a.slice([[1, size]]), a.slice([[0, 1]])]),
    reference: (a) => matrix(size, a.shape[1], (r, c) => get(a, (r + 1) % size, c)),
    bound: (a) => a,
    takes: ([rows]) => rows === size,
  },
  reshape: {
    inputs: 1,
    engine: (a) => a.reshape([a.shape[1] as number, a.shape[0] as number]),
    reference: (a) => ({ shape: [a.shape[1], a.shape[0]], data: a.data }),
    bound: (a) => a,
  },
  spread: {
    inputs: 1,
    engine: (a) => expand(a, [size, size]),
    reference: (a) => matrix(size, size, (r, c) => get(a, r, c)),
    bound: (a) => a,
  },
  sumRows: {
    inputs: 1,
    engine: (a) => a.sum(0, true),
    reference: (a) => matrix(1, a.shape[1], (_, c) => range(a.shape[0]).reduce((s, r) => s + get(a, r, c), 0)),
    bound: (a) => size * a,
  },
  sumColumns: {
    inputs: 1,
    engine: (a) => a.sum(1, true),
    reference: (a) => matrix(a.shape[0], 1, (r) => range(a.shape[1]).reduce((s, c) => s + get(a, r, c), 0)),
    bound: (a) => size * a,
  },
  matmul: {
    inputs: 2,
    engine: (a, b) => a.matmul(b),
    reference: (a, b) => matrix(size, size, (r, c) => range(size).reduce((s, k) => s + get(a, r, k) * get(b, k, c), 0)),
    bound: (a, b) => size * a * b,
    takes: (a, b) => isFull(a) && isFull(b),
  },
}
