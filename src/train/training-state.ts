import { fail, WgradError } from '../errors.ts'
import type { Module, StateDict } from '../nn/module.ts'
import type { Parameter } from '../nn/parameter.ts'
import { generator } from '../ops/random.ts'
import type { GradientAccumulator } from '../optim/accumulate.ts'
import type { ExponentialMovingAverage } from '../optim/ema.ts'
import type { LRScheduler, ReduceLROnPlateau } from '../optim/scheduler.ts'
import { type AnyOptimizer, type OptimizerState, optimizerState, optimizerWrites } from '../optim/state.ts'
import { fromText, isRecord, toText } from './plain.ts'
import type { PlainState } from './plain-state.ts'

/** Anything that has a place to go on from, as plain data: a `DataLoader`, a generator of your own. */
export interface Stateful {
  /** Plain data that says where it stands. */
  state(): unknown
  /** Goes on from what `state` gave. Throws, and changes nothing, for what does not fit. */
  restore(state: never): void
}

/** A scheduler of `wgrad/optim` or of your own. */
export type SchedulerPart = LRScheduler | ReduceLROnPlateau | Stateful

/** All that decides the next bits of a training. Loading needs the same parts as saving did. */
export interface Training {
  /** Weights and buffers, such as running statistics; its device's random numbers are kept too. */
  readonly model: Module
  /** Steps, options, moments and clipping. */
  readonly optimizer?: AnyOptimizer
  /** One scheduler or several. A schedule is a function and is not kept: make the same one before loading. */
  readonly scheduler?: SchedulerPart | readonly SchedulerPart[]
  /** The sums of an accumulation that is under way. */
  readonly accumulator?: GradientAccumulator
  /** The averages of the weights, and their decay. */
  readonly average?: ExponentialMovingAverage
  /** The place in the data: that after the last batch handed out. */
  readonly loader?: Stateful
  /** Whatever else has a state, by names of yours. */
  readonly parts?: Readonly<Record<string, Stateful>>
}

const groups = ['model', 'optimizer', 'accumulator', 'average'] as const

/** Tensors by the part of the training that they belong to, in PyTorch's keys and layout. */
export type TensorGroups = Readonly<Record<(typeof groups)[number], StateDict>>

/** Tensors of all parts under one name each: the part, a dot, and the key within it. */
export function flatten(tensors: TensorGroups): StateDict {
  return Object.fromEntries(
    groups.flatMap((group) => Object.entries(tensors[group]).map(([key, entry]) => [`${group}.${key}`, entry])),
  )
}

/** The inverse of {@link flatten}. */
export function unflatten(flat: StateDict): TensorGroups {
  const out = Object.fromEntries(groups.map((group) => [group, {}])) as Record<string, Record<string, unknown>>
  for (const [name, entry] of Object.entries(flat)) {
    const dot = name.indexOf('.')
    const group = out[name.slice(0, dot)]
    if (!group) fail('loadCheckpoint', `there is a tensor '${name}'`, `names start with ${groups.join('., ')}.`)
    group[name.slice(dot + 1)] = entry
  }
  return out as unknown as TensorGroups
}

/** The state of the moment of the call, whatever steps run until the tensors have been read. */
export async function capture(training: Training): Promise<{ plain: PlainState; tensors: TensorGroups }> {
  const { model, optimizer, accumulator, average, loader, parts = {} } = training
  const { seed, offset } = generatorOf(model)
  const variants = deviceOf(model)?.variants
  const host = copied({
    generator: { seed, offset },
    schedulers: schedulersOf(training).map(placeOf),
    accumulator: accumulator ? { every: accumulator.every, pending: accumulator.pending } : null,
    average: average ? { decay: average.decay } : null,
    loader: loader ? { state: loader.state(), batches: batchesOf(loader) } : null,
    parts: Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, part.state()])),
    // What a resumed run has pinned and not needed yet belongs to it all the same.
    variants: { ...variants?.pinned(), ...variants?.used() },
  })
  const [weights, optimized, accumulated, averages] = await Promise.all([
    model.stateDict(),
    optimizer ? optimizerState(optimizer, model) : null,
    accumulator ? accumulator.state(model) : null,
    average ? average.stateDict(model) : null,
  ])
  const { moments = {}, ...rest } = optimized ?? {}
  return {
    plain: { ...host, optimizer: optimized ? (rest as Omit<OptimizerState, 'moments'>) : null },
    tensors: { model: weights, optimizer: moments, accumulator: accumulated?.sums ?? {}, average: averages ?? {} },
  }
}

/**
 * Puts a training into a state that {@link capture} gave. Throws, and changes nothing, where the two do not fit. `warn` is told of
 * kernels that the device does not have, when a step turns out to need them.
 */
export function restore(
  training: Training,
  plain: PlainState,
  tensors: TensorGroups,
  warn: (message: string) => void,
): void {
  const { model, optimizer, accumulator, average, loader, parts = {} } = training
  const schedulers = schedulersOf(training)
  checkParts(training, plain)
  const writes = model.stateWrites(tensors.model)
  if (optimizer && plain.optimizer)
    writes.push(...optimizerWrites(optimizer, model, { ...plain.optimizer, moments: tensors.optimizer }))
  if (accumulator && plain.accumulator)
    writes.push(...accumulator.stateWrites(model, { ...plain.accumulator, sums: tensors.accumulator }))
  if (average && plain.average) {
    const { decay } = plain.average
    writes.push(...average.stateWrites(model, tensors.average), () => {
      average.decay = decay
    })
  }
  const { seed, offset } = plain.generator
  writes.push(() => {
    Object.assign(generatorOf(model), { seed, offset })
  })
  const device = deviceOf(model)
  device?.assertUsable('loadCheckpoint')

  // Parts check what they are given when they take it, so what took it already goes back when another refuses.
  const rates = optimizer?.groups.map((g) => g.options.lr) ?? []
  const undo: (() => void)[] = []
  const take = (part: SchedulerPart, state: unknown): void => {
    const before = placeOf(part)
    putPlace(part, state)
    undo.unshift(() => putPlace(part, before))
  }
  try {
    schedulers.forEach((each, i) => {
      take(each, plain.schedulers[i])
    })
    for (const [name, part] of Object.entries(parts)) take(part, plain.parts[name])
    if (loader) putPlace(loader, plain.loader?.state)
  } catch (cause) {
    for (const back of undo) back()
    optimizer?.groups.forEach((g, i) => {
      g.options.lr = rates[i] as number
    })
    throw cause instanceof WgradError ? cause : new WgradError(`loadCheckpoint: a part refused its state: ${cause}`)
  }
  // The optimizer comes last: its rates stand, also where they were set by hand after the scheduler's step.
  for (const write of writes) write()
  device?.variants.pin(plain.variants, {
    onMissing: ({ work, wanted, taken }) =>
      warn(`the kernel '${wanted}' for ${work} is not available on this device; '${taken}' runs, and bits may differ`),
  })
}

/** Refuses a state of other parts than the training has, or of parts of another kind. */
function checkParts(training: Training, plain: PlainState): void {
  const differ = (what: string, saved: unknown, own: unknown): void => {
    const [a, b] = [saved, own].map((x) => (typeof x === 'string' ? x : JSON.stringify(x)))
    if (a !== b) fail('loadCheckpoint', `${what}: ${a} in the checkpoint, ${b} in the training`, 'make them alike')
  }
  const { loader, parts = {} } = training
  for (const part of ['optimizer', 'accumulator', 'average', 'loader'] as const)
    differ(part, plain[part] ? 'one' : 'none', training[part] ? 'one' : 'none')
  const schedulers = schedulersOf(training)
  differ('schedulers', plain.schedulers.length, schedulers.length)
  schedulers.forEach((each, i) => {
    differ(`fields of scheduler ${i}`, fieldsOf(plain.schedulers[i]), fieldsOf(placeOf(each)))
  })
  if (loader) differ('loader', plain.loader?.batches, batchesOf(loader))
  differ('parts', Object.keys(plain.parts).sort().join(', ') || 'none', Object.keys(parts).sort().join(', ') || 'none')
}

function schedulersOf({ scheduler }: Training): readonly SchedulerPart[] {
  if (scheduler === undefined) return []
  return 'length' in scheduler ? scheduler : [scheduler]
}

/** Schedulers have their place as a property, other parts as a method. */
function placeOf(part: SchedulerPart): unknown {
  return isStateful(part) ? part.state() : part.state
}

function putPlace(part: SchedulerPart, state: unknown): void {
  if (isStateful(part)) part.restore(state as never)
  else part.state = state as never
}

function isStateful(part: SchedulerPart): part is Stateful {
  return typeof part.state === 'function'
}

/** A copy that nobody changes; refuses what is no plain data. */
function copied<T>(value: T): T {
  return fromText(toText('saveCheckpoint', value, 'state')) as T
}

/** What of a loader decides, beside its place, which samples come next, as far as it tells. */
function batchesOf(loader: object): Record<string, unknown> {
  const names = ['length', 'batchSize', 'shuffle', 'dropLast']
  return Object.fromEntries(names.flatMap((name) => (name in loader ? [[name, Reflect.get(loader, name)]] : [])))
}

function fieldsOf(state: unknown): string {
  return isRecord(state) ? Object.keys(state).sort().join(', ') : typeof state
}

function deviceOf(model: Module): Parameter['device'] | undefined {
  return model.parameters()[0]?.device
}

function generatorOf(model: Module): { seed: number; offset: number } {
  return generator(deviceOf(model))
}
