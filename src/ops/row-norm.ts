import { grad as gradOf } from '../autograd.ts'
import type { KernelOp } from '../graph/op.ts'
import { call, call1, type Tensor } from '../graph/tensor.ts'
import type { Spec } from '../graph/value.ts'
import { numel } from '../shape.ts'
import { mul, zerosLike } from './arithmetic.ts'
import { gradByComposite } from './composite-grad.ts'
import { normalize, rootMeanSquare } from './norm.ts'
import { reshape } from './reshape.ts'
import { type RowNorm, rowNormGradVariants, rowNormVariants } from './row-norm-kernels.ts'

type RowAttrs = { readonly eps: number; readonly isCentered: boolean }

interface Fused {
  readonly name: string
  readonly inputs: readonly string[]
  readonly isCentered: boolean
  /** The same of other ops: of x, weight and where centered bias. */
  readonly composite: (operands: readonly Tensor[], eps: number) => Tensor
}

function normOf([x]: readonly Spec[], { eps, isCentered }: RowAttrs): RowNorm {
  const [rows = 0, columns = 0] = (x as Spec).shape
  return { rows, columns, eps, isCentered }
}

/** The op over rows x [R, C], weight [C] and where centered bias [C]; outputs are y and the statistics of each row, [R, 2]. */
/* @__NO_SIDE_EFFECTS__ */
function forwardOp({ name, inputs }: Fused, back: KernelOp<string, RowAttrs>): KernelOp<string, RowAttrs> {
  const op: KernelOp<string, RowAttrs> = {
    kind: 'kernel',
    name,
    inputs,
    virtual: inputs,
    epilogue: true,
    halfOutput: true,
    infer: ([x]) => {
      const { shape } = x as Spec
      return [
        { shape, dtype: 'f32' },
        { shape: [shape[0] as number, 2], dtype: 'f32' },
      ]
    },
    variants: ({ inputs: specs, outputs, attrs, device }) =>
      rowNormVariants(normOf(specs, attrs), device, op.cost(specs, outputs, attrs)),
    cost: ([x]) => ({ flops: 8 * numel((x as Spec).shape), bytes: 8 * numel((x as Spec).shape) }),
    backward: ({ all, outs, grad, attrs }) => {
      const [x, weight] = all as [Tensor, Tensor]
      let made: Tensor[] | null = null
      const at = (i: number) => (): Tensor => {
        made ??= call(back, [x, weight, outs[1] as Tensor, grad], attrs)
        return made[i] as Tensor
      }
      return inputs.map((_, i) => at(i))
    },
    saves: [inputs[0] as string, inputs[1] as string, 'out'],
  }
  return op
}

/** Gradients of x, weight and bias. Its own gradient is that of the composite. */
/* @__NO_SIDE_EFFECTS__ */
function backwardOp({ name, isCentered, composite }: Fused): KernelOp<string, RowAttrs> {
  const op: KernelOp<string, RowAttrs> = {
    kind: 'kernel',
    name: `${name}Grad`,
    inputs: ['x', 'weight', 'stats', 'g'],
    virtual: ['x', 'weight', 'g'],
    epilogue: true,
    infer: ([x, weight]) => {
      const own: Spec = { shape: (weight as Spec).shape, dtype: 'f32' }
      return [{ shape: (x as Spec).shape, dtype: 'f32' }, own, ...(isCentered ? [own] : [])]
    },
    variants: ({ inputs: specs, outputs, attrs, device }) =>
      rowNormGradVariants(normOf(specs, attrs), device, op.cost(specs, outputs, attrs)),
    cost: ([x]) => ({ flops: 16 * numel((x as Spec).shape), bytes: 12 * numel((x as Spec).shape) }),
    backward: ({ all, grads, attrs }) => {
      const [x, weight, , g] = all as [Tensor, Tensor, Tensor, Tensor]
      const rules = gradByComposite([x, weight, g], grads, (given) => {
        const [a, b, seed] = given as [Tensor, Tensor, Tensor]
        const operands = [a, b, ...(isCentered ? [mul(b, 0)] : [])]
        const wanted = operands.filter((t) => t.requiresGrad)
        const found = gradOf(composite(operands, attrs.eps), wanted, seed)
        return operands.map((t) => found[wanted.indexOf(t)] ?? zerosLike(t))
      })
      const at = (i: number, like: Tensor) => (): Tensor => rules()[i] ?? zerosLike(like)
      return { x: at(0, x), weight: at(1, weight), stats: null, g: at(2, g) }
    },
    saves: ['x', 'weight', 'g'],
  }
  return op
}

const layer: Fused = {
  name: 'layerNorm',
  inputs: ['x', 'weight', 'bias'],
  isCentered: true,
  composite: ([x, weight, bias], eps) => normalize(x as Tensor, [1], eps, weight, bias).y,
}
const rms: Fused = {
  name: 'rmsNorm',
  inputs: ['x', 'weight'],
  isCentered: false,
  composite: ([x, weight], eps) => mul(rootMeanSquare(x as Tensor, [1], eps), weight as Tensor),
}

export const layerNormGradOp: KernelOp<string, RowAttrs> = backwardOp(layer)
export const layerNormOp: KernelOp<string, RowAttrs> = forwardOp(layer, layerNormGradOp)
export const rmsNormGradOp: KernelOp<string, RowAttrs> = backwardOp(rms)
export const rmsNormOp: KernelOp<string, RowAttrs> = forwardOp(rms, rmsNormGradOp)

/** Rows of x [..., *weight.shape] normalized by an op, in x's shape. x has an element at least. */
export function normalizeRows(
  op: KernelOp<string, RowAttrs>,
  x: Tensor,
  affine: readonly Tensor[],
  eps: number,
): Tensor {
  const columns = (affine[0] as Tensor).size
  const rows = reshape(x, [x.size / columns, columns])
  const inputs = [rows, ...affine.map((t) => reshape(t, [columns]))]
  return reshape(call1(op, inputs, { eps, isCentered: affine.length > 1 }), x.shape)
}
