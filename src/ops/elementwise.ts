import { type DType, isFloat, promote } from '../dtype.ts'
import { fail } from '../errors.ts'
import type { Device } from '../gpu/device.ts'
import { constantOp, literal } from '../graph/constant.ts'
import type { GradContext, GradRules, MapOp } from '../graph/op.ts'
import { call1, type Tensor } from '../graph/tensor.ts'
import type { Attrs, Spec } from '../graph/value.ts'
import { broadcastFor, checkShape, numel } from '../shape.ts'
import { broadcastIndex } from './indexing.ts'

/** Which dtypes a row takes, and what it gives. */
type DtypeRule = 'float' | 'number' | 'compare' | 'logic' | 'any'

/** One line of the table: an op that works element by element. */
interface Row<I extends string, A extends Attrs> {
  readonly name: string
  readonly inputs: readonly I[]
  readonly rule: DtypeRule
  /** The WGSL expression over the inputs' expressions. */
  readonly wgsl: (args: readonly string[], attrs: A, dtype: DType) => string
  readonly flops: number
  /** The same on numbers, for folding. */
  readonly fold?: (values: readonly number[], attrs: A) => number
  readonly neutral?: (constants: readonly (number | null)[]) => number | null
  readonly helper?: readonly [name: string, text: string]
  readonly backward: ((c: GradContext<I, A>) => GradRules<NoInfer<I>>) | null
  readonly saves: readonly (I | 'out')[]
}

/** Makes the op of a row: broadcasting, dtype rule, error texts and index arithmetic are the same for all. */
/* @__NO_SIDE_EFFECTS__ */
export function elementwise<const I extends string, A extends Attrs = Attrs>(row: Row<I, A>): MapOp<I, A> {
  return {
    kind: 'map',
    name: row.name,
    inputs: row.inputs,
    infer: (specs) => [
      {
        shape: broadcastFor(
          row.name,
          row.inputs,
          specs.map((s) => s.shape),
        ),
        dtype: resultDtype(row.name, row.rule, row.inputs, specs),
      },
    ],
    emit: (w, i, { inputs, output, attrs }) => {
      if (row.helper) w.helper(row.helper[0], row.helper[1])
      const args = inputs.map((s, k) => w.load(k, broadcastIndex(w, i, output.shape, s.shape)))
      return row.wgsl(args, attrs, (inputs[0] as Spec).dtype)
    },
    flops: () => row.flops,
    aligned: (input, inputs, output) => numel((inputs[input] as Spec).shape) === numel(output.shape),
    backward: row.backward,
    saves: row.saves,
    ...(row.fold ? { fold: row.fold } : {}),
    ...(row.neutral ? { neutral: row.neutral } : {}),
  }
}

function resultDtype(op: string, rule: DtypeRule, names: readonly string[], specs: readonly Spec[]): DType {
  const listed = (): string => specs.map((s, i) => `${names[i]} is ${s.dtype}`).join(' and ')
  const together = specs
    .map((s) => s.dtype)
    .reduce<DType | null>((a, b) => (a === null ? null : promote(a, b)), (specs[0] as Spec).dtype)
  if (together === null) return fail(op, listed(), 'dtypes must agree: convert one with cast')
  if (rule === 'float' && !isFloat(together)) return fail(op, listed(), 'it must be f32 or f16: convert it with cast')
  if (rule === 'logic' && together !== 'bool') return fail(op, listed(), 'it must be bool: compare first')
  if ((rule === 'number' || rule === 'compare') && together === 'bool')
    return fail(op, listed(), 'it must be a number: convert it with cast')
  return rule === 'compare' ? 'bool' : together
}

/** A tensor, or a number that becomes a constant of the other operand's dtype. */
export type Operandish = Tensor | number

/** A tensor that holds one number everywhere; on the default device unless one is given. */
export function full(shape: readonly number[], value: number, dtype: DType = 'f32', device?: Device): Tensor {
  checkShape('full', shape)
  return call1(constantOp, [], { shape, dtype, value }, device)
}

function scalarLike(value: number, like: Tensor): Tensor {
  const { dtype, device } = like
  if ((dtype === 'i32' || dtype === 'u32') && !Number.isInteger(value)) {
    fail('constant', `${value} met a tensor of ${dtype}`, 'give a whole number, or cast the tensor to f32')
  }
  return full([], value, dtype, device)
}

/** Brings two operands, one of which may be a number, to tensors. */
export function operands(a: Operandish, b: Operandish): [Tensor, Tensor] {
  if (typeof a !== 'number') return [a, typeof b === 'number' ? scalarLike(b, a) : b]
  if (typeof b !== 'number') return [scalarLike(a, b), b]
  return [full([], a), full([], b)]
}

const castOp: MapOp<'x', { readonly dtype: DType }> = {
  kind: 'map',
  name: 'cast',
  inputs: ['x'],
  infer: ([x], { dtype }) => [{ shape: (x as Spec).shape, dtype }],
  emit: (w, i, { inputs, attrs }) => {
    const from = (inputs[0] as Spec).dtype
    const x = w.load(0, i)
    const same = from === attrs.dtype || (isFloat(from) && isFloat(attrs.dtype))
    if (same) return x
    if (attrs.dtype === 'bool') return `(${x} != ${literal(0, from)})`
    return from === 'bool'
      ? `select(${literal(0, attrs.dtype)}, ${literal(1, attrs.dtype)}, ${x})`
      : `${isFloat(attrs.dtype) ? 'f32' : attrs.dtype}(${x})`
  },
  flops: () => 0,
  aligned: () => true,
  backward: ({ in: { x }, grad, attrs }) => ({
    x: isFloat(attrs.dtype) && isFloat(x.dtype) ? () => cast(grad, x.dtype) : null,
  }),
  saves: ['x'],
  neutral: () => 0,
}

/** Converts to another dtype: to bool by `!= 0`, floats to integers towards zero. */
export function cast(x: Tensor, dtype: DType): Tensor {
  return x.dtype === dtype ? x : call1(castOp, [x], { dtype })
}
