import { type KernelOp, traitsOf } from '../graph/op.ts'
import { call, type Tensor } from '../graph/tensor.ts'
import type { Spec } from '../graph/value.ts'
import { zerosLike } from './arithmetic.ts'
import { type Cell, gatesOf, partsOf, statesOf } from './recurrent-cell.ts'
import { canBind } from './recurrent-cuts.ts'
import { backwardKernel, cutParams } from './recurrent-kernels.ts'
import { loadsOf, offsetsOf, together } from './recurrent-loads.ts'
import { costOf, type Dispatch, memoized, variantsOf } from './recurrent-variants.ts'

/** What a kernel takes beside the sequence and the weights. */
type Extra = 'dy' | 'dlast' | 'lengths'
type Input = 'w' | 'saved' | 'prev' | Extra | 'more'
/** `within`: the names of what lies end to end in `more`, joined by commas. */
type Attrs = { readonly cell: Cell; readonly reversed: boolean; readonly within: string }

const wanted: readonly Extra[] = ['dlast', 'lengths', 'dy']

/* @__NO_SIDE_EFFECTS__ */
function makeOp(given: readonly (Extra | 'more')[]): KernelOp<Input, Attrs> {
  const names = ['w', 'saved', 'prev', ...given] as const
  const op: KernelOp<Input, Attrs> = {
    kind: 'kernel',
    name: 'recurrentGrad',
    inputs: names,
    virtual: given,
    infer: ([, , prev], { cell }) => {
      const [batch, time, units] = (prev as Spec).shape as [number, number, number]
      const dx: Spec = { shape: [batch, time, gatesOf(cell) * units], dtype: 'f32' }
      const dstate: Spec = { shape: [statesOf(cell), batch, units], dtype: 'f32' }
      return cell === 'gru' ? [dx, dstate, dx] : [dx, dstate]
    },
    variants: ({ inputs, outputs, attrs, device }) => {
      const { cell, reversed } = attrs
      const within = wanted.filter((name) => attrs.within.split(',').includes(name))
      const [batch, time, units] = (inputs[2] as Spec).shape as [number, number, number]
      const shape = { cell, batch, time, units }
      const sizes = { dy: batch * time * units, dlast: statesOf(cell) * batch * units, lengths: batch }
      const offsets = offsetsOf(within.map((name) => [name, sizes[name]]))
      const has = (name: Extra): boolean => given.includes(name) || within.includes(name)
      const first = loadsOf(names, wanted, offsets)
      // Dispatches after the first take up the gradients that it left.
      const later = loadsOf(
        names.map((name) => (name === 'dlast' ? '' : name)),
        wanted,
        offsets,
      )
      const dispatch = (isFirst: boolean): Omit<Dispatch, 'kernel'> => {
        const { params, loads } = isFirst ? first : later
        return {
          params: {
            ...params,
            PARTS: Math.max(1, partsOf(cell)),
            IS_FIRST: isFirst,
            IS_REVERSED: reversed,
            HAS_Y: has('dy'),
            HAS_LAST: has('dlast') && isFirst,
            HAS_LENGTHS: has('lengths'),
          },
          loads,
          bindings: {
            w: { input: 0 },
            saved: { input: 1 },
            dx: { output: 0 },
            dstate: { output: 1 },
            ...(cell === 'gru' ? { prev: { input: 2 }, dp: { output: 2 } } : {}),
          },
        }
      }
      return variantsOf(shape, device, op.cost(inputs, outputs, attrs), {
        isBackward: true,
        unitsPerThread: 4,
        whole: (cut, start, steps, kept) => {
          const { params, bindings, ...rest } = dispatch(start + steps === time)
          const sized = cutParams(shape, cut, units % 4 === 0 && cut.columns % 4 === 0)
          return {
            ...rest,
            kernel: backwardKernel(cell, cut),
            params: { ...sized, ...params, START: start, STEPS: steps },
            bindings: { ...bindings, ...kept },
          }
        },
        steps: (cut, groups) => {
          const sized = cutParams(shape, cut, units % 4 === 0)
          return Array.from({ length: time + 1 }, (_, s) => {
            const { params, bindings, ...rest } = dispatch(s === 0)
            return {
              ...rest,
              kernel: backwardKernel(cell, cut),
              params: { ...sized, ...params, IS_END: s === time },
              bindings: { ...bindings, count: { temp: 'count', bytes: 4 * groups } },
            }
          })
        },
      })
    },
    cost: (inputs, outputs, { cell }) => {
      const [batch, time, units] = (inputs[2] as Spec).shape as [number, number, number]
      return costOf({ cell, batch, time, units }, [...inputs, ...outputs])
    },
    backward: null,
    saves: [],
  }
  return op
}

/** The way back from gradients of the outputs alone; the same op over more inputs has the same name. */
export const recurrentGradOp: KernelOp<Input, Attrs> = makeOp(['dy'])
const ops = new Map([['dy', recurrentGradOp]])

/** What the way back starts from. */
export interface Walk {
  readonly w: Tensor
  readonly saved: Tensor
  readonly prev: Tensor
  readonly dy: Tensor | null
  readonly dlast: Tensor | null
  readonly lengths: Tensor | null
}

/** Gradients of x and of the first state; of gru also those of W h + b. */
export function backThroughTime(cell: Cell, reversed: boolean, { w, saved, prev, dy, dlast, lengths }: Walk): Tensor[] {
  const from = dy ?? (dlast ? null : zerosLike(prev))
  const known = { dlast, lengths, dy: from }
  const names = wanted.filter((name) => known[name])
  const tensors = names.map((name) => known[name] as Tensor)
  const own = cell === 'gru' ? 6 : 4
  if (names.length < 2 || canBind(own + names.length, prev.shape[2] as number, traitsOf(w.device)))
    return call(memoized(ops, names, makeOp), [w, saved, prev, ...tensors], { cell, reversed, within: '' })
  const more = together(tensors)
  return call(memoized(ops, ['more'], makeOp), [w, saved, prev, more], { cell, reversed, within: names.join() })
}
