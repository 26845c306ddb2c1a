import { encode, type TypedArray } from '../dtype.ts'
import { fail, WgradError } from '../errors.ts'
import { writeVariable } from '../graph/realize.ts'
import { readAll, Tensor } from '../graph/tensor.ts'
import type { Variable } from '../graph/variable.ts'
import { type Module, permuted, type StateDict } from '../nn/module.ts'
import type { Parameter } from '../nn/parameter.ts'
import { formatShape, numel, sameShape } from '../shape.ts'
import type { Arena, Optimizer } from './optimizer.ts'

/** How an optimizer clips gradients: `norm` or `value`, and its limit. */
export interface ClipState {
  readonly kind: string
  readonly max: number | null
}

/** An optimizer's state: plain data but for the arrays of `moments`. */
export interface OptimizerState {
  /** Of the optimizer, such as `AdamW`. */
  readonly name: string
  readonly steps: number
  /** Options of each group, such as `lr`. */
  readonly options: readonly object[]
  /** How gradients are clipped, null where they are not. */
  readonly clip: ClipState | null
  /** By the parameter's key and PyTorch's name of the moment (`0.weight.exp_avg`), in PyTorch's layout. */
  readonly moments: StateDict
}

/** @internal A variable laid out as an arena, and what its parts are called behind the parameters' keys. */
export interface ArenaState {
  readonly arena: Arena
  readonly variable: Variable
  /** Empty, or `.exp_avg`. */
  readonly suffix: string
}

interface Part {
  readonly key: string
  readonly at: number
  readonly shape: readonly number[]
  /** The file's shape. */
  readonly fileShape: readonly number[]
  readonly axes: readonly number[] | null
}

function partsOf(op: string, { arena, suffix }: ArenaState, model: Module): Part[] {
  const layouts = model.fileLayouts()
  return arena.params.map((p: Parameter, i) => {
    const layout = layouts.get(p)
    if (!layout)
      fail(op, `${p.variable.label} ${formatShape(p.shape)} is not in the model`, 'give the model that is trained')
    const { key, axes } = layout
    const fileShape = axes ? axes.map((_, d) => p.shape[axes.indexOf(d)] as number) : p.shape
    return { key: key + suffix, at: (arena.offsets[i] as number) / 4, shape: p.shape, fileShape, axes }
  })
}

/** @internal Reads arenas as state entries in PyTorch's layout. */
export async function readArenas(
  op: string,
  states: readonly ArenaState[],
  model: Module,
): Promise<Record<string, { shape: readonly number[]; data: TypedArray }>> {
  const parts = states.map((s) => partsOf(op, s, model))
  const read = await readAll(states.map((s) => new Tensor(s.variable.read())))
  return Object.fromEntries(
    parts.flatMap((list, k) =>
      list.map(({ key, at, shape, fileShape, axes }) => {
        const data = (read[k] as TypedArray).slice(at, at + numel(shape))
        const inverse = axes?.map((_, d) => axes.indexOf(d))
        return [key, { shape: fileShape, data: inverse ? permuted(data, shape, inverse) : data }] as const
      }),
    ),
  )
}

/**
 * @internal What writes what {@link readArenas} read. Throws, and nothing is changed yet, naming what is missing,
 * unexpected or of another shape.
 */
export function arenaWrites(op: string, states: readonly ArenaState[], model: Module, dict: StateDict): (() => void)[] {
  const problems: string[] = []
  const unexpected = new Set(Object.keys(dict))
  const writes = states.map((state) => {
    const values = new Float32Array(state.arena.elements)
    for (const { key, at, fileShape, axes } of partsOf(op, state, model)) {
      const entry = dict[key]
      unexpected.delete(key)
      if (!entry) problems.push(`missing ${key} ${formatShape(fileShape)}`)
      else if (!sameShape(entry.shape, fileShape) || entry.data.length !== numel(fileShape))
        problems.push(
          `${key} is ${formatShape(entry.shape)} with ${entry.data.length} values, it must be ${formatShape(fileShape)}`,
        )
      else values.set(axes ? permuted(entry.data, entry.shape, axes) : entry.data, at)
    }
    return () => writeVariable(state.variable, encode(values, 'f32'))
  })
  if (unexpected.size > 0) problems.push(`unexpected ${[...unexpected].join(', ')}`)
  if (problems.length > 0)
    throw new WgradError(`${op}: ${problems.join('; ')}; load the state of the same optimizer and architecture`)
  return writes
}

/** An optimizer of any options. */
export type AnyOptimizer = Pick<Optimizer<{ lr: number }>, 'groups' | 'steps' | 'clip'>

function momentsOf({ groups }: Pick<AnyOptimizer, 'groups'>): ArenaState[] {
  return groups.flatMap(({ rule, arenas }) =>
    arenas.flatMap((arena) =>
      arena.moments.map((variable, i) => ({ arena, variable, suffix: `.${rule.moments[i]?.name}` })),
    ),
  )
}

function nameOf({ groups }: AnyOptimizer): string {
  return groups[0]?.rule.name ?? 'optimizer'
}

function clipOf({ clip }: AnyOptimizer): ClipState | null {
  return clip && { kind: clip.kind ?? 'custom', max: clip.max ?? null }
}

/** The state of an optimizer, under the keys of the model that it trains: all that it needs to go on with the same bits. */
export async function optimizerState(optimizer: AnyOptimizer, model: Module): Promise<OptimizerState> {
  const { steps, groups } = optimizer
  const options = groups.map((g) => structuredClone(g.options))
  const plain = { name: nameOf(optimizer), steps, options, clip: clipOf(optimizer) }
  return { ...plain, moments: await readArenas('optimizerState', momentsOf(optimizer), model) }
}

/** Puts an optimizer into a state that {@link optimizerState} gave. Throws, and changes nothing, where the two do not fit. */
export function loadOptimizerState(optimizer: AnyOptimizer, model: Module, state: OptimizerState): void {
  for (const write of optimizerWrites(optimizer, model, state)) write()
}

/** @internal Checks a state as {@link loadOptimizerState} does, and answers with what writes it. */
export function optimizerWrites(optimizer: AnyOptimizer, model: Module, state: OptimizerState): (() => void)[] {
  const op = 'loadOptimizerState'
  const { groups } = optimizer
  const name = nameOf(optimizer)
  if (state.name !== name) fail(op, `the state is that of ${state.name}`, `the optimizer is ${name}: make them alike`)
  if (state.options.length !== groups.length)
    fail(op, `the state has ${state.options.length} groups`, `the optimizer has ${groups.length}: make them alike`)
  groups.forEach((group, i) => {
    const [saved, own] = [state.options[i] as object, group.options].map(formOf)
    if (saved !== own) fail(op, `the options of group ${i} are ${saved}`, `the optimizer's are ${own}: make them alike`)
  })
  const clip = clipOf(optimizer)
  if (state.clip?.kind !== clip?.kind || (state.clip?.max === null) !== (clip?.max === null))
    fail(
      op,
      `the state clips gradients by ${state.clip?.kind ?? 'nothing'}`,
      `the optimizer by ${clip?.kind ?? 'nothing'}: make them alike`,
    )
  if (!Number.isSafeInteger(state.steps) || state.steps < 0)
    fail(op, `the state has taken ${state.steps} steps`, 'it must be a whole number')
  const max = state.clip?.max ?? null
  return [
    ...arenaWrites(op, momentsOf(optimizer), model, state.moments),
    () => {
      groups.forEach((g, i) => {
        Object.assign(g.options, structuredClone(state.options[i]))
      })
      if (optimizer.clip && max !== null) optimizer.clip.max = max
      optimizer.steps = state.steps
    },
  ]
}

/** Names and kinds of options, such as `lr: number, betas: 2 numbers`. */
function formOf(options: object): string {
  return Object.entries(options)
    .map(
      ([key, value]: [string, unknown]) => `${key}: ${Array.isArray(value) ? `${value.length} numbers` : typeof value}`,
    )
    .sort()
    .join(', ')
}
