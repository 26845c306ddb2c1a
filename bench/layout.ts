/** `data` of `shape` with its axes in another order. */
export function permuteHost(
  data: ArrayLike<number>,
  shape: readonly number[],
  axes: readonly number[],
): Float32Array<ArrayBuffer> {
  const strides = shape.map((_, d) => shape.slice(d + 1).reduce((a, b) => a * b, 1))
  const sizes = axes.map((a) => shape[a] as number)
  const steps = axes.map((a) => strides[a] as number)
  const out = new Float32Array(data.length)
  const at = new Array<number>(axes.length).fill(0)
  let from = 0
  for (let i = 0; i < out.length; i++) {
    out[i] = data[from] as number
    for (let d = axes.length - 1; d >= 0; d--) {
      at[d] = (at[d] as number) + 1
      from += steps[d] as number
      if ((at[d] as number) < (sizes[d] as number)) break
      from -= (steps[d] as number) * (sizes[d] as number)
      at[d] = 0
    }
  }
  return out
}

/** The shape with its axes in another order. */
export function permuteShape(shape: readonly number[], axes: readonly number[]): number[] {
  return axes.map((a) => shape[a] as number)
}

/** The order that undoes `axes`. */
export function inverse(axes: readonly number[]): number[] {
  return axes.map((_, i) => axes.indexOf(i))
}
