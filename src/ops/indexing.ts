import type { ElementWriter } from '../graph/op.ts'
import { contiguousStrides, type Shape } from '../shape.ts'

/**
 * The WGSL expression for `offset + sum_d coordinate_d(i) * strides_d`, the coordinates being those of element `i` of
 * `shape`. Axes that lie evenly behind each other are taken together, so that plain cases need no division.
 */
export function stridedIndex(
  w: Pick<ElementWriter, 'let'>,
  i: string,
  shape: Shape,
  strides: readonly number[],
  offset = 0,
): string {
  const dims: { size: number; stride: number }[] = []
  shape.forEach((size, d) => {
    const stride = strides[d] as number
    if (size === 1) return
    const last = dims[dims.length - 1]
    if (last && last.stride === stride * size) {
      last.size *= size
      last.stride = stride
    } else dims.push({ size, stride })
  })
  const terms: string[] = []
  let rest = i
  for (let d = dims.length - 1; d >= 0; d--) {
    const { size, stride } = dims[d] as { size: number; stride: number }
    if (stride !== 0) {
      const at = d === 0 ? rest : w.let(`${rest} % ${size}u`)
      const scaled = Math.abs(stride) === 1 ? at : `${at} * ${Math.abs(stride)}u`
      terms.push(stride > 0 ? ` + ${scaled}` : ` - ${scaled}`)
    }
    if (d > 0 && dims.slice(0, d).some((x) => x.stride !== 0)) rest = w.let(`${rest} / ${size}u`)
  }
  if (terms.length === 0) return `${offset}u`
  const sum = terms.join('')
  if (offset === 0 && sum.startsWith(' + ')) return w.let(sum.slice(3))
  return w.let(`${offset}u${sum}`)
}

/** The index in an operand of `shape` that broadcasts to `output`, for the output's element `i`. */
export function broadcastIndex(w: Pick<ElementWriter, 'let'>, i: string, output: Shape, shape: Shape): string {
  const own = contiguousStrides(shape)
  const lead = output.length - shape.length
  const strides = output.map((_, d) => (d < lead || shape[d - lead] === 1 ? 0 : (own[d - lead] as number)))
  return stridedIndex(w, i, output, strides)
}
