import { promote } from '../dtype.ts'
import { fail } from '../errors.ts'
import { type KernelOp, needDtype } from '../graph/op.ts'
import { call1, type Tensor } from '../graph/tensor.ts'
import { type Spec, specBytes } from '../graph/value.ts'
import { broadcast, contiguousStrides, formatShape, numel } from '../shape.ts'
import { stridedIndex } from './indexing.ts'
import type { MatmulShape } from './matmul-kernels.ts'
import { matmulMomentsVariants, matmulVariants, shouldGiveMoments } from './matmul-variants.ts'
import { sumTo } from './reduce.ts'
import { reshape } from './reshape.ts'

type MatmulAttrs = {
  readonly transA: boolean
  readonly transB: boolean
  /** Output 1 are the sums of the columns of `a` as it is stored. */
  readonly sums?: boolean
  /** Outputs 1 to 3 are the moments of the rows of the product, as momentsOp gives them with this eps. */
  readonly moments?: number
}

/** Rows and columns as they are multiplied. */
function matrix(spec: Spec, transposed: boolean): [number, number] {
  const [r, c] = spec.shape.slice(-2) as [number, number]
  return transposed ? [c, r] : [r, c]
}

export const matmulOp: KernelOp<'a' | 'b', MatmulAttrs> = {
  kind: 'kernel',
  name: 'matmul',
  inputs: ['a', 'b'],
  epilogue: true,
  halfInputs: ['a', 'b'],
  halfOutput: true,
  withSums: ([a, b], attrs) =>
    attrs.transA && a?.shape.length === 2 && b?.shape.length === 2 ? { ...attrs, sums: true } : null,
  infer: ([a, b], { transA, transB }) => {
    const [x, y] = [a as Spec, b as Spec]
    needDtype('matmul', 'a', x, 'f32', 'f16')
    needDtype('matmul', 'b', y, 'f32', 'f16')
    const [m, k] = matrix(x, transA)
    const [k2, n] = matrix(y, transB)
    const shown = `a is ${formatShape(x.shape)}${transA ? ' transposed' : ''} and b is ${formatShape(y.shape)}${transB ? ' transposed' : ''}`
    if (k !== k2) {
      fail(
        'matmul',
        shown,
        `a's ${transA ? 'second-to-last' : 'last'} axis (${k}) must equal b's ${transB ? 'last' : 'second-to-last'} (${k2})`,
      )
    }
    const batch = broadcast(x.shape.slice(0, -2), y.shape.slice(0, -2))
    if (!batch) return fail('matmul', shown, 'the axes before the last two must be equal or 1')
    return [{ shape: [...batch, m, n], dtype: promote(x.dtype, y.dtype) ?? 'f32' }]
  },
  withMoments: (inputs, attrs, eps, device) => {
    const [a, b] = inputs as [Spec, Spec]
    const isPlain = a.shape.length === 2 && b.shape.length === 2 && !attrs.sums
    return isPlain && shouldGiveMoments(productOf(a, b, attrs), device) ? { ...attrs, moments: eps } : null
  },
  variants: ({ inputs, outputs, attrs, device }) => {
    const [a, b] = inputs as [Spec, Spec]
    const product = productOf(a, b, attrs)
    const { moments } = attrs
    if (moments !== undefined) {
      const bindings = { a: { input: 0 }, b: { input: 1 } }
      return matmulMomentsVariants(product, moments, device, { bindings, ...matmulOp.cost(inputs, outputs, attrs) })
    }
    const bindings = { a: { input: 0 }, b: { input: 1 }, ...(attrs.sums ? { sums: { output: 1 } } : {}) }
    return matmulVariants(product, device, { bindings, ...matmulOp.cost(inputs, outputs, attrs) })
  },
  cost: ([a, b], [y], { transA }) => {
    const [, k] = matrix(a as Spec, transA)
    const out = numel((y as Spec).shape)
    return { flops: 2 * out * k, bytes: [a, b, y].reduce((sum, s) => sum + specBytes(s as Spec), 0) }
  },
  backward: ({ in: { a, b }, grad, attrs: { transA, transB } }) => ({
    a: () => sumTo(transA ? product(b, grad, transB, true) : product(grad, b, false, !transB), a.shape),
    b: () => sumTo(transB ? product(grad, a, true, transA) : product(a, grad, !transA, false), b.shape),
  }),
  saves: ['a', 'b'],
}

function productOf(a: Spec, b: Spec, { transA, transB, sums = false }: MatmulAttrs): MatmulShape {
  const [m, k] = matrix(a, transA)
  const [, n] = matrix(b, transB)
  const batch = broadcast(a.shape.slice(0, -2), b.shape.slice(0, -2)) as number[]
  return {
    batches: numel(batch),
    m,
    n,
    k,
    transA,
    transB,
    aOffset: batchOffset(batch, a, m * k),
    bOffset: batchOffset(batch, b, k * n),
    aSize: numel(a.shape),
    bSize: numel(b.shape),
    sums,
  }
}

function product(a: Tensor, b: Tensor, transA: boolean, transB: boolean): Tensor {
  return call1(matmulOp, [a, b], { transA, transB })
}

/** First element of an operand's matrix, as WGSL of `batch`. */
function batchOffset(batch: readonly number[], spec: Spec, size: number): string {
  const own = spec.shape.slice(0, -2)
  const strides = contiguousStrides(own)
  const lead = batch.length - own.length
  const steps = batch.map((_, d) => (d < lead || own[d - lead] === 1 ? 0 : (strides[d - lead] as number) * size))
  return stridedIndex({ let: (e) => `(${e})` }, 'batch', batch, steps)
}

/**
 * Matrix product over the last two axes, the axes before them broadcast: [..., m, k] x [..., k, n] -> [..., m, n], f32
 * or f16 and added up in f32. A vector on the left is one row, on the right one column, and that axis is dropped again.
 * `transA` and `transB` multiply by the transposed operand without copying it.
 */
export function matmul(
  a: Tensor,
  b: Tensor,
  options: { readonly transA?: boolean; readonly transB?: boolean } = {},
): Tensor {
  const { transA = false, transB = false } = options
  if (a.shape.length === 0 || b.shape.length === 0) {
    fail(
      'matmul',
      `a is ${formatShape(a.shape)} and b is ${formatShape(b.shape)}`,
      'both need at least one axis; use mul for numbers',
    )
  }
  if (a.shape.length === 1) {
    const y = matmul(reshape(a, [1, a.size]), b, { transB })
    const last = b.shape.length === 1 ? [] : y.shape.slice(-1)
    return reshape(y, [...y.shape.slice(0, b.shape.length === 1 ? -1 : -2), ...last])
  }
  if (b.shape.length === 1) {
    const y = matmul(a, reshape(b, [b.size, 1]), { transA })
    return reshape(y, y.shape.slice(0, -1))
  }
  // A matrix shared by the whole batch is one product over all rows.
  if (b.shape.length === 2 && a.shape.length > 2 && !transA) {
    const rows = numel(a.shape.slice(0, -1))
    const y = product(reshape(a, [rows, a.shape[a.shape.length - 1] as number]), b, false, transB)
    return reshape(y, [...a.shape.slice(0, -1), y.shape[1] as number])
  }
  return product(a, b, transA, transB)
}
