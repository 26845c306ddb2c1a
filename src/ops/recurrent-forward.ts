import { type KernelOp, traitsOf } from '../graph/op.ts'
import { call, isRecording, type Tensor } from '../graph/tensor.ts'
import type { Spec } from '../graph/value.ts'
import { numel } from '../shape.ts'
import { cast } from './elementwise.ts'
import { matmul } from './matmul.ts'
import { slice, zeros } from './movement.ts'
import { backThroughTime } from './recurrent-backward.ts'
import { type Cell, gatesOf, partsOf, statesOf } from './recurrent-cell.ts'
import { canBind, type RecurrentShape } from './recurrent-cuts.ts'
import { cutParams, forwardKernel } from './recurrent-kernels.ts'
import { loadsOf, type Offsets, offsetsOf, together } from './recurrent-loads.ts'
import { costOf, type Dispatch, memoized, variantsOf } from './recurrent-variants.ts'
import { sum } from './reduce.ts'
import { reshape } from './reshape.ts'

/** What a kernel takes beside the sequence and the weights. */
type Extra = 'bias' | 'state' | 'lengths'
type Input = 'x' | 'w' | Extra | 'more'
/** `within`: the names of what lies end to end in `more`, joined by commas. */
type Attrs = {
  readonly cell: Cell
  readonly reversed: boolean
  readonly saving: boolean
  readonly within: string
}

const extras: readonly Extra[] = ['bias', 'state', 'lengths']
const wanted = ['x', ...extras] as const

function shapeOf(cell: Cell, [batch = 0, time = 0, size = 0]: readonly number[]): RecurrentShape {
  return { cell, batch, time, units: size / gatesOf(cell) }
}

function namesIn({ within }: Attrs): readonly Extra[] {
  return extras.filter((name) => within.split(',').includes(name))
}

/** Where the values in `more` begin. */
function offsetsIn({ cell, batch, units }: RecurrentShape, within: readonly Extra[]): Offsets {
  const sizes = { bias: gatesOf(cell) * units, state: statesOf(cell) * batch * units, lengths: batch }
  return offsetsOf(within.map((name) => [name, sizes[name]]))
}

/** The op over x, w and these others, in the order of the names. */
/* @__NO_SIDE_EFFECTS__ */
function makeOp(given: readonly (Extra | 'more')[]): KernelOp<Input, Attrs> {
  const names = ['x', 'w', ...given] as const
  const op: KernelOp<Input, Attrs> = {
    kind: 'kernel',
    name: 'recurrent',
    inputs: names,
    virtual: ['x', ...given],
    epilogue: true,
    infer: ([x], { cell, saving }) => {
      const { batch, time, units } = shapeOf(cell, (x as Spec).shape)
      const y: Spec = { shape: [batch, time, units], dtype: 'f32' }
      const last: Spec = { shape: [statesOf(cell), batch, units], dtype: 'f32' }
      if (!saving) return [y, last]
      const parts: Spec = { shape: [batch, time, partsOf(cell), units], dtype: 'f32' }
      return partsOf(cell) > 0 ? [y, last, y, parts] : [y, last, y]
    },
    variants: ({ inputs, outputs, attrs, device }) => {
      const { cell, reversed, saving } = attrs
      const within = namesIn(attrs)
      const shape = shapeOf(cell, (inputs[0] as Spec).shape)
      const { batch, time, units } = shape
      const offsets = offsetsIn(shape, within)
      const hasSaved = saving && partsOf(cell) > 0
      const has = (name: Extra): boolean => given.includes(name) || within.includes(name)
      const first = loadsOf(names, wanted, offsets)
      // Dispatches after the first take up the state that it left.
      const later = loadsOf(
        names.map((name) => (name === 'state' ? '' : name)),
        wanted,
        offsets,
      )
      const dispatch = (isFirst: boolean): Omit<Dispatch, 'kernel'> => {
        const { params, loads } = isFirst ? first : later
        return {
          params: {
            ...params,
            PARTS: hasSaved ? partsOf(cell) : 0,
            IS_REVERSED: reversed,
            IS_SAVING: saving,
            HAS_SAVED: hasSaved,
            HAS_STATE: has('state') && isFirst,
            HAS_BIAS: has('bias'),
            HAS_LENGTHS: has('lengths'),
          },
          loads,
          bindings: {
            w: { input: 1 },
            last: { output: 1 },
            ...(saving ? { prev: { output: 2 } } : {}),
            ...(hasSaved ? { saved: { output: 3 } } : {}),
          },
          epilogue: true,
        }
      }
      return variantsOf(shape, device, op.cost(inputs, outputs, attrs), {
        isBackward: false,
        unitsPerThread: 1,
        whole: (cut, start, steps, kept) => {
          const { params, bindings, ...rest } = dispatch(start === 0)
          const sized = cutParams(shape, cut, units % 4 === 0)
          return {
            ...rest,
            kernel: forwardKernel(cell, cut, saving),
            params: { ...sized, ...params, START: start, STEPS: steps },
            bindings: { ...bindings, ...kept },
          }
        },
        steps: (cut, groups) => {
          const sized = cutParams(shape, cut, units % 4 === 0)
          // Counts lie in a quad each where the carried states are read by fours.
          const bytes = 4 * (2 * Math.max(1, batch) * units + 4 * groups)
          return Array.from({ length: time }, (_, s) => {
            const { params, bindings, ...rest } = dispatch(s === 0)
            return {
              ...rest,
              kernel: forwardKernel(cell, cut, saving),
              params: { ...sized, ...params, START: Math.min(s, 1) },
              bindings: { ...bindings, carry: { temp: 'carry', bytes } },
            }
          })
        },
      })
    },
    cost: (inputs, outputs, { cell }) => costOf(shapeOf(cell, (inputs[0] as Spec).shape), [...inputs, ...outputs]),
    backward: ({ in: { w, lengths, more }, out, outs, grads, attrs }) => {
      const { cell, reversed } = attrs
      const within = namesIn(attrs)
      const [dy, dlast] = grads as [Tensor | null, Tensor | null]
      const [, , prev, saved] = outs as [Tensor, Tensor, Tensor, Tensor | undefined]
      const [batch, time, units] = prev.shape as [number, number, number]
      const { lengths: at } = offsetsIn({ cell, batch, time, units }, within)
      const valid = at === undefined ? lengths : cast(slice(more, [[at, at + batch]]), 'i32')
      let made: Tensor[] | null = null
      const walk = (): Tensor[] => {
        const from = { w, saved: saved ?? out, prev, dy, dlast, lengths: valid ?? null }
        made ??= backThroughTime(cell, reversed, from)
        return made
      }
      const slopes = (): Tensor => (cell === 'gru' ? walk()[2] : walk()[0]) as Tensor
      const gradients = {
        bias: () => sum(slopes(), [0, 1]),
        state: () => walk()[1] as Tensor,
        lengths: () => zeros([batch]),
      }
      return {
        x: () => walk()[0] as Tensor,
        w: () => matmul(rowsOf(slopes()), rowsOf(prev), { transA: true }),
        ...gradients,
        lengths: null,
        more: () => together(within.map((name) => gradients[name]())),
      }
    },
    saves: ['w', ...given.filter((name) => name === 'lengths' || name === 'more'), 'out'],
  }
  return op
}

/** [B, T, n] -> [B T, n] */
function rowsOf(x: Tensor): Tensor {
  return reshape(x, [numel(x.shape.slice(0, -1)), x.shape[x.shape.length - 1] as number])
}

/** A layer from zeros on, with all steps valid; the same op over more inputs has the same name. */
export const recurrentOp: KernelOp<Input, Attrs> = makeOp([])
const ops = new Map([['', recurrentOp]])

/** A layer over x and w with what is given beside them: the outputs and the last states. */
export function runForward(
  cell: Cell,
  x: Tensor,
  w: Tensor,
  given: Readonly<Record<Extra, Tensor | null>>,
  reversed: boolean,
): readonly [output: Tensor, last: Tensor] {
  const names = extras.filter((name) => given[name])
  const tensors = names.map((name) => given[name] as Tensor)
  const saving = isRecording() && [x, w, ...tensors].some((t) => t.requiresGrad)
  const own = 4 + (saving ? 1 + Math.min(1, partsOf(cell)) : 0)
  const isApart = names.length < 2 || canBind(own + names.length, w.shape[1] as number, traitsOf(x.device))
  const [output, last] = isApart
    ? call(memoized(ops, names, makeOp), [x, w, ...tensors], { cell, reversed, saving, within: '' })
    : call(memoized(ops, ['more'], makeOp), [x, w, together(tensors)], { cell, reversed, saving, within: names.join() })
  return [output as Tensor, last as Tensor]
}
