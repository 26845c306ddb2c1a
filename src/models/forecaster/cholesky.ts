/**
 * The lower factor L of a symmetric positive definite matrix L L^T [size, size], of which the lower half is read. Rows whose pivot is
 * lost to rounding are left out of the solution.
 */
export function factor(matrix: Float64Array, size: number): Float64Array {
  const lower = new Float64Array(size * size)
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * size + j] as number
      for (let k = 0; k < j; k++) sum -= (lower[i * size + k] as number) * (lower[j * size + k] as number)
      const pivot = lower[j * size + j] as number
      if (i === j) lower[i * size + i] = sum > 0 ? Math.sqrt(sum) : 0
      else lower[i * size + j] = pivot > 0 ? sum / pivot : 0
    }
  }
  return lower
}

/** x of L L^T x = b. */
export function solve(lower: Float64Array, b: Float64Array, size: number): Float64Array {
  const x = Float64Array.from(b)
  const divided = (value: number, i: number): number => {
    const pivot = lower[i * size + i] as number
    return pivot > 0 ? value / pivot : 0
  }
  for (let i = 0; i < size; i++) {
    let sum = x[i] as number
    for (let k = 0; k < i; k++) sum -= (lower[i * size + k] as number) * (x[k] as number)
    x[i] = divided(sum, i)
  }
  for (let i = size - 1; i >= 0; i--) {
    let sum = x[i] as number
    for (let k = i + 1; k < size; k++) sum -= (lower[k * size + i] as number) * (x[k] as number)
    x[i] = divided(sum, i)
  }
  return x
}
