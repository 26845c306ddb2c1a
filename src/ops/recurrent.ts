import { fail } from '../errors.ts'
import { type KernelCall, type KernelOp, needDtype, traitsOf, type Variant } from '../graph/op.ts'
import { call, isRecording, type Tensor } from '../graph/tensor.ts'
import { type Spec, specBytes } from '../graph/value.ts'
import { formatShape, numel, sameShape } from '../shape.ts'
import { zerosLike } from './arithmetic.ts'
import { matmul } from './matmul.ts'
import { type Cell, gatesOf, partsOf, statesOf } from './recurrent-cell.ts'
import { cutName, type RecurrentCut, type RecurrentShape, recurrentCuts, stretches } from './recurrent-cuts.ts'
import { backwardKernel, commonParams, forwardKernel } from './recurrent-kernels.ts'
import { recurrentBySteps } from './recurrent-step.ts'
import { sum } from './reduce.ts'
import { reshape } from './reshape.ts'

type Attrs = { readonly cell: Cell; readonly reversed: boolean; readonly saving: boolean }
type GradAttrs = { readonly cell: Cell; readonly reversed: boolean }

/** What a kernel takes beside the sequence and the weights. */
type Extra = 'bias' | 'state' | 'lengths'
type GradExtra = 'dy' | 'dlast' | 'lengths'
const extras: readonly Extra[] = ['bias', 'state', 'lengths']

function shapeOf(cell: Cell, [batch = 0, time = 0, size = 0]: readonly number[]): RecurrentShape {
  return { cell, batch, time, units: size / gatesOf(cell) }
}

/** A load of the input of this name, or nothing where the op does not have it. */
function loadsOf(
  inputs: readonly string[],
  wanted: Readonly<Record<string, readonly [input: string, fn: string]>>,
): Pick<KernelCall, 'params' | 'loads'> {
  const loads: Record<string, { readonly input: number; readonly name: string }> = {}
  const params: Record<string, string> = {}
  for (const [param, [input, name]] of Object.entries(wanted)) {
    if (inputs.includes(input)) loads[param] = { input: inputs.indexOf(input), name }
    else params[param] = ''
  }
  return { params, loads }
}

function flopsOf({ cell, batch, time, units }: RecurrentShape): number {
  return 2 * batch * time * gatesOf(cell) * units * units
}

function bytesOf(specs: readonly Spec[]): number {
  return specs.reduce((total, s) => total + specBytes(s), 0)
}

/** The dispatches of a cut, one after the other, each with its share of the work. */
function variantsOf(
  shape: RecurrentShape,
  cuts: readonly RecurrentCut[],
  work: { readonly flops: number; readonly bytes: number },
  callOf: (cut: RecurrentCut, start: number, steps: number) => Omit<KernelCall, 'grid' | 'flops' | 'bytes'>,
  isBackward: boolean,
): Variant[] {
  return cuts.map((cut) => ({
    name: cutName(cut, shape.time),
    calls: () => {
      const calls = stretches(cut, shape.time).map(({ start, steps }): KernelCall => {
        const share = steps / shape.time
        return {
          ...callOf(cut, start, steps),
          grid: [Math.ceil(shape.batch / cut.rows), 1, 1],
          flops: work.flops * share,
          bytes: work.bytes * share,
        }
      })
      return isBackward ? calls.reverse() : calls
    },
  }))
}

/** The op over x, w and these others, in the order of the names. */
/* @__NO_SIDE_EFFECTS__ */
function makeOp(given: readonly Extra[]): KernelOp<'x' | 'w' | Extra, Attrs> {
  const names = ['x', 'w', ...given] as const
  const op: KernelOp<'x' | 'w' | Extra, Attrs> = {
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
    variants: ({ inputs, outputs, attrs: { cell, reversed, saving }, device }) => {
      const shape = shapeOf(cell, (inputs[0] as Spec).shape)
      const hasSaved = saving && partsOf(cell) > 0
      const has = (name: Extra): boolean => given.includes(name)
      const { params, loads } = loadsOf(names, {
        LOAD_X: ['x', 'load_x'],
        LOAD_STATE: ['state', 'load_state'],
        LOAD_BIAS: ['bias', 'load_bias'],
        LOAD_LENGTHS: ['lengths', 'load_length'],
      })
      // A call that takes up the state of the one before has no use for the first.
      const later = loadsOf(
        names.map((name) => (name === 'state' ? '' : name)),
        {
          LOAD_X: ['x', 'load_x'],
          LOAD_STATE: ['state', 'load_state'],
          LOAD_BIAS: ['bias', 'load_bias'],
          LOAD_LENGTHS: ['lengths', 'load_length'],
        },
      )
      const work = op.cost(inputs, outputs, { cell, reversed, saving })
      const callOf = (
        cut: RecurrentCut,
        start: number,
        steps: number,
      ): Omit<KernelCall, 'grid' | 'flops' | 'bytes'> => ({
        kernel: forwardKernel(cell, saving),
        params: {
          ...commonParams(shape, cut, shape.units % 4 === 0),
          ...(start > 0 ? later : { params }).params,
          PARTS: hasSaved ? partsOf(cell) : 0,
          START: start,
          STEPS: steps,
          IS_REVERSED: reversed,
          IS_SAVING: saving,
          HAS_SAVED: hasSaved,
          HAS_STATE: has('state') && start === 0,
          HAS_BIAS: has('bias'),
          HAS_LENGTHS: has('lengths'),
        },
        loads: (start > 0 ? later.loads : loads) ?? {},
        bindings: {
          w: { input: 1 },
          last: { output: 1 },
          ...(saving ? { prev: { output: 2 } } : {}),
          ...(hasSaved ? { saved: { output: 3 } } : {}),
        },
        epilogue: true,
      })
      return variantsOf(shape, recurrentCuts(shape, device), work, callOf, false)
    },
    cost: (inputs, outputs, { cell }) => ({
      flops: flopsOf(shapeOf(cell, (inputs[0] as Spec).shape)),
      bytes: bytesOf([...inputs, ...outputs]),
    }),
    backward: ({ in: { w, lengths }, out, outs, grads, attrs: { cell, reversed } }) => {
      const [dy, dlast] = grads as [Tensor | null, Tensor | null]
      const [, , prev, saved] = outs as [Tensor, Tensor, Tensor, Tensor | undefined]
      let made: Tensor[] | null = null
      const walk = (): Tensor[] => {
        made ??= backThroughTime(cell, reversed, { w, saved: saved ?? out, prev, dy, dlast, lengths })
        return made
      }
      const slopes = (): Tensor => (cell === 'gru' ? walk()[2] : walk()[0]) as Tensor
      return {
        x: () => walk()[0] as Tensor,
        w: () => matmul(rowsOf(slopes()), rowsOf(prev), { transA: true }),
        bias: () => sum(slopes(), [0, 1]),
        state: () => walk()[1] as Tensor,
        lengths: null,
      }
    },
    saves: ['w', ...given.filter((name) => name === 'lengths'), 'out'],
  }
  return op
}

/** [B, T, n] -> [B T, n] */
function rowsOf(x: Tensor): Tensor {
  return reshape(x, [numel(x.shape.slice(0, -1)), x.shape[x.shape.length - 1] as number])
}

interface Walk {
  readonly w: Tensor
  readonly saved: Tensor
  readonly prev: Tensor
  readonly dy: Tensor | null
  readonly dlast: Tensor | null
  readonly lengths: Tensor | undefined
}

/** Gradients of x and of the first state; of gru also those of W h + b. */
function backThroughTime(cell: Cell, reversed: boolean, { w, saved, prev, dy, dlast, lengths }: Walk): Tensor[] {
  const from = dy ?? (dlast ? null : zerosLike(prev))
  const known: readonly (readonly [GradExtra, Tensor | null | undefined])[] = [
    ['dy', from],
    ['dlast', dlast],
    ['lengths', lengths],
  ]
  const given = known.filter((entry): entry is readonly [GradExtra, Tensor] => Boolean(entry[1]))
  const op = memoized(
    gradOps,
    given.map(([name]) => name),
    makeGradOp,
  )
  return call(op, [w, saved, prev, ...given.map(([, t]) => t)], { cell, reversed })
}

/* @__NO_SIDE_EFFECTS__ */
function makeGradOp(given: readonly GradExtra[]): KernelOp<'w' | 'saved' | 'prev' | GradExtra, GradAttrs> {
  const names = ['w', 'saved', 'prev', ...given] as const
  const op: KernelOp<'w' | 'saved' | 'prev' | GradExtra, GradAttrs> = {
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
    variants: ({ inputs, outputs, attrs: { cell, reversed }, device }) => {
      const shape = shapeOf(cell, (outputs[0] as Spec).shape)
      const has = (name: GradExtra): boolean => given.includes(name)
      const wanted = {
        LOAD_DY: ['dy', 'load_dy'],
        LOAD_DLAST: ['dlast', 'load_dlast'],
        LOAD_LENGTHS: ['lengths', 'load_length'],
      } as const
      const first = loadsOf(names, wanted)
      const later = loadsOf(
        names.map((name) => (name === 'dlast' ? '' : name)),
        wanted,
      )
      const work = op.cost(inputs, outputs, { cell, reversed })
      const callOf = (
        cut: RecurrentCut,
        start: number,
        steps: number,
      ): Omit<KernelCall, 'grid' | 'flops' | 'bytes'> => {
        const isFirst = start + steps === shape.time
        const { params, loads } = isFirst ? first : later
        return {
          kernel: backwardKernel(cell),
          params: {
            ...commonParams(shape, cut, shape.units % 4 === 0 && cut.columns % 4 === 0),
            ...params,
            PARTS: Math.max(1, partsOf(cell)),
            START: start,
            STEPS: steps,
            IS_FIRST: isFirst,
            IS_REVERSED: reversed,
            HAS_Y: has('dy'),
            HAS_LAST: has('dlast') && isFirst,
            HAS_LENGTHS: has('lengths'),
          },
          loads: loads ?? {},
          bindings: {
            w: { input: 0 },
            saved: { input: 1 },
            dx: { output: 0 },
            dstate: { output: 1 },
            ...(cell === 'gru' ? { prev: { input: 2 }, dp: { output: 2 } } : {}),
          },
        }
      }
      return variantsOf(shape, recurrentCuts(shape, device), work, callOf, true)
    },
    cost: (inputs, outputs, { cell }) => ({
      flops: flopsOf(shapeOf(cell, (outputs[0] as Spec).shape)),
      bytes: bytesOf([...inputs, ...outputs]),
    }),
    backward: null,
    saves: [],
  }
  return op
}

/** A layer from zeros on, with all steps valid; the same op over more inputs has the same name. */
export const recurrentOp: KernelOp<'x' | 'w' | Extra, Attrs> = makeOp([])

const ops = new Map([['', recurrentOp]])
/** The way back from gradients of the outputs alone; the same op over more inputs has the same name. */
export const recurrentGradOp: KernelOp<'w' | 'saved' | 'prev' | GradExtra, GradAttrs> = makeGradOp(['dy'])
const gradOps = new Map([['dy', recurrentGradOp]])

function memoized<Name extends string, Made>(
  known: Map<string, Made>,
  names: readonly Name[],
  make: (names: readonly Name[]) => Made,
): Made {
  const key = names.join()
  const made = known.get(key) ?? make(names)
  known.set(key, made)
  return made
}

/** What {@link recurrent} takes beside the sequence and the weights. */
export interface RecurrentOptions {
  /** Added to W h before the gates of a gru are formed: [3 H]. Other cells have it in `x`. */
  readonly bias?: Tensor | null
  /** h, and c of an lstm, before the first step: [1 or 2, B, H]; zeros unless given. */
  readonly state?: Tensor | null
  /** Valid positions of each row, i32 [B]; all unless given. */
  readonly lengths?: Tensor | null
  /** Goes from the last valid position to the first. */
  readonly reversed?: boolean
}

/** What {@link recurrent} gives. */
export interface RecurrentResult {
  /** h after each step: [B, T, H]; 0 at padding. */
  readonly output: Tensor
  /** h, and c of an lstm, after the last step of each row: [1 or 2, B, H]. */
  readonly last: Tensor
}

/**
 * A recurrent cell over whole sequences in one direction, one dispatch forward and one back where a sequence is not too long for it:
 * LSTM (Hochreiter and Schmidhuber 1997), GRU with the reset gate after the product (Cho et al. 2014), or the plain RNN with tanh or relu.
 * x [B, T, gates H] is the product of the inputs with their weights, all biases of the inputs added, in PyTorch's order of gates (i, f,
 * g, o; r, z, n); w [gates H, H] multiplies h. What stands at padding has no influence. There is no gradient of the gradient.
 */
export function recurrent(cell: Cell, x: Tensor, w: Tensor, options: RecurrentOptions = {}): RecurrentResult {
  const { bias = null, state = null, lengths = null, reversed = false } = options
  const gates = gatesOf(cell)
  for (const [name, t] of Object.entries({ x, w, bias, state })) if (t) needDtype('recurrent', name, t, 'f32')
  const [batch = 0, time = 0, size = 0] = x.shape
  const units = size / gates
  if (x.shape.length !== 3 || time === 0 || size === 0 || size % gates !== 0)
    fail(
      'recurrent',
      `x is ${formatShape(x.shape)}`,
      `it must be [B, T, ${gates > 1 ? `${gates} ` : ''}H], neither T nor H 0`,
    )
  const check = (name: string, t: Tensor | null, shape: readonly number[]): void => {
    if (t && !sameShape(t.shape, shape))
      fail('recurrent', `${name} is ${formatShape(t.shape)}`, `it must be ${formatShape(shape)}`)
  }
  check('w', w, [size, units])
  check('bias', bias, [size])
  check('state', state, [statesOf(cell), batch, units])
  check('lengths', lengths, [batch])
  if (lengths) needDtype('recurrent', 'lengths', lengths, 'i32')
  if (bias && cell !== 'gru') fail('recurrent', `a bias with the cell ${cell}`, 'only a gru has one; add it to x')
  const given = { bias, state, lengths }
  if (recurrentCuts(shapeOf(cell, x.shape), traitsOf(x.device)).length === 0) {
    const [output, last] = recurrentBySteps(cell, x, w, { ...given, reversed })
    return { output, last }
  }
  const names = extras.filter((name) => given[name])
  const tensors = [x, w, ...names.map((name) => given[name] as Tensor)]
  const saving = isRecording() && tensors.some((t) => t.requiresGrad)
  const [output, last] = call(memoized(ops, names, makeOp), tensors, { cell, reversed, saving }) as [Tensor, Tensor]
  return { output, last }
}
