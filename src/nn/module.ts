import type { TypedArray } from '../dtype.ts'
import { WgradError } from '../errors.ts'
import { readAll, type Tensor } from '../graph/tensor.ts'
import { guarded } from '../graph/trace.ts'
import { contiguousStrides, formatShape, numel, sameShape } from '../shape.ts'
import { Buffer, Counter, Parameter, StateTensor } from './parameter.ts'

/** One entry of a state dict, in PyTorch's layout. */
export interface StateEntry {
  readonly shape: readonly number[]
  readonly data: ArrayLike<number>
}

/** Weights by PyTorch's keys. */
export type StateDict = Readonly<Record<string, StateEntry>>

/** `runningMean` -> `running_mean` */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)
}

/**
 * A part of a model: parameters, buffers and other modules are found among its fields. Subclasses define `forward`.
 */
export abstract class Module {
  /** Training mode; set by {@link train} and {@link eval}. */
  training = true

  /** What the module computes, written in ops. Shapes are those that the class names. */
  abstract forward(...inputs: Tensor[]): Tensor

  /** The axes of the file's layout in the order of memory, for a field that is stored in another order than PyTorch's. */
  protected fileAxes(_field: string): readonly number[] | null {
    return null
  }

  /** Training mode as a fact that compiled steps depend on: they are traced again when it changes. */
  protected isTraining(): boolean {
    return guarded('training', () => this.training)
  }

  /** Sets training mode here and below. */
  train(mode = true): this {
    this.training = mode
    for (const [, child] of this.children()) child.train(mode)
    return this
  }

  /** Sets evaluation mode here and below. */
  eval(): this {
    return this.train(false)
  }

  /** Modules directly below, with the names under which the state dict knows them. */
  children(): [string, Module][] {
    return Object.entries(this).flatMap(([name, value]: [string, unknown]): [string, Module][] => {
      if (value instanceof Module) return [[snakeCase(name), value]]
      if (Array.isArray(value))
        return value.flatMap((v, i) =>
          v instanceof Module ? [[`${snakeCase(name)}.${i}`, v] as [string, Module]] : [],
        )
      return []
    })
  }

  /** This module and those below with their names, each once; the name of this one is empty. */
  namedModules(prefix = '', seen: Set<Module> = new Set()): [string, Module][] {
    if (seen.has(this)) return []
    seen.add(this)
    const lead = prefix === '' ? '' : `${prefix}.`
    return [[prefix, this], ...this.children().flatMap(([name, child]) => child.namedModules(lead + name, seen))]
  }

  /** This module and those below, each once. */
  modules(): Module[] {
    return this.namedModules().map(([, module]) => module)
  }

  /** Calls `fn` with each module below and at last with this one, to set weights anew for example. */
  apply(fn: (module: Module) => void): this {
    for (const [, child] of this.children()) child.apply(fn)
    fn(this)
    return this
  }

  /**
   * Freezes the parameters here and below (false), or lets them train (true). Compiled steps are traced again when it changes. An
   * optimizer takes only parameters that train: `model.parameters().filter((p) => p.requiresGrad)`.
   */
  requiresGrad_(requiresGrad = true): this {
    for (const p of this.parameters()) p.requiresGrad = requiresGrad
    return this
  }

  /** @internal Parameters and buffers here and below: state-dict key, tensor, and the module and field that hold it. */
  namedState(prefix = ''): [string, StateTensor | Counter, Module, string][] {
    const own = Object.entries(this).flatMap(
      ([field, value]: [string, unknown]): [string, StateTensor | Counter, Module, string][] =>
        value instanceof StateTensor || value instanceof Counter
          ? [[prefix + snakeCase(field), value, this, field]]
          : [],
    )
    return [...own, ...this.children().flatMap(([name, child]) => child.namedState(`${prefix}${name}.`))]
  }

  /** Parameters here and below, by state-dict key; one used twice is listed once. */
  namedParameters(): [string, Parameter][] {
    const seen = new Set<Parameter>()
    return this.namedState().flatMap(([name, value]): [string, Parameter][] => {
      if (!(value instanceof Parameter) || seen.has(value)) return []
      seen.add(value)
      return [[name, value]]
    })
  }

  /** Buffers here and below, such as running statistics, by state-dict key; one used twice is listed once. */
  namedBuffers(): [string, Buffer][] {
    const seen = new Set<Buffer>()
    return this.namedState().flatMap(([name, value]): [string, Buffer][] => {
      if (!(value instanceof Buffer) || seen.has(value)) return []
      seen.add(value)
      return [[name, value]]
    })
  }

  /** The parameters here and below with their key, and the axes of the file's layout in the order of memory where the two differ. */
  fileLayouts(): Map<Parameter, { readonly key: string; readonly axes: readonly number[] | null }> {
    const layouts = new Map<Parameter, { readonly key: string; readonly axes: readonly number[] | null }>()
    for (const [key, value, owner, field] of this.namedState())
      if (value instanceof Parameter && !layouts.has(value)) layouts.set(value, { key, axes: owner.fileAxes(field) })
    return layouts
  }

  /** What an optimizer trains. */
  parameters(): Parameter[] {
    return this.namedParameters().map(([, p]) => p)
  }

  /** Weights and buffers in PyTorch's keys and layout. */
  async stateDict(): Promise<Record<string, { shape: readonly number[]; data: TypedArray }>> {
    const entries = this.namedState()
    const tensors = entries.flatMap(([, value]) => (value instanceof StateTensor ? [value] : []))
    // Counts are of the moment of the call, as the tensors are, whatever steps run while they are read.
    const counts = new Map(entries.map(([key, value]) => [key, value instanceof Counter ? value.value : 0]))
    const read = await readAll(tensors)
    let at = 0
    return Object.fromEntries(
      entries.map(([key, value, owner, field]) => {
        if (value instanceof Counter) return [key, { shape: [], data: Int32Array.of(counts.get(key) as number) }]
        const data = read[at++] as TypedArray
        const axes = owner.fileAxes(field)
        if (!axes) return [key, { shape: value.shape, data }]
        const inverse = axes.map((_, i) => axes.indexOf(i))
        return [
          key,
          { shape: inverse.map((a) => value.shape[a] as number), data: permuted(data, value.shape, inverse) },
        ]
      }),
    )
  }

  /**
   * Loads weights in PyTorch's keys and layout. In strict mode (the default) every key must be there and no other. Throws before anything
   * is changed, naming what is missing, unexpected or of another shape.
   */
  loadStateDict(state: StateDict, options: { readonly strict?: boolean } = {}): void {
    for (const write of this.stateWrites(state, options)) write()
  }

  /** @internal Checks a state as {@link loadStateDict} does, and answers with what writes it. */
  stateWrites(state: StateDict, options: { readonly strict?: boolean } = {}): (() => void)[] {
    const { strict = true } = options
    const entries = this.namedState()
    const known = new Set(entries.map(([key]) => key))
    const problems: string[] = []
    const missing = entries
      .filter(([key]) => !(key in state))
      .map(([key, value]) => `${key}${value instanceof StateTensor ? ` ${formatShape(value.shape)}` : ''}`)
    const unexpected = Object.keys(state).filter((key) => !known.has(key))
    if (strict && missing.length > 0) problems.push(`missing ${missing.join(', ')}`)
    if (strict && unexpected.length > 0)
      problems.push(
        `unexpected ${unexpected.map((key) => `${key} ${formatShape(state[key]?.shape ?? [])}`).join(', ')}`,
      )
    const writes: (() => void)[] = []
    for (const [key, value, owner, field] of entries) {
      const entry = state[key]
      if (!entry) continue
      if (value instanceof Counter) {
        const count = entry.data[0]
        if (entry.data.length !== 1 || !Number.isSafeInteger(count))
          problems.push(
            `${key} is ${formatShape(entry.shape)} with ${entry.data.length} values, it must be a whole number`,
          )
        writes.push(() => {
          value.value = count as number
        })
        continue
      }
      const axes = owner.fileAxes(field)
      const shape = axes ? axes.map((a) => entry.shape[a] as number) : entry.shape
      if (!sameShape(shape, value.shape) || entry.data.length !== numel(value.shape)) {
        const wanted = axes ? axes.map((_, i) => value.shape[axes.indexOf(i)] as number) : value.shape
        problems.push(
          `${key} is ${formatShape(entry.shape)} with ${entry.data.length} values, the model's is ${formatShape(wanted)}`,
        )
        continue
      }
      writes.push(() => value.set(axes ? permuted(entry.data, entry.shape, axes) : entry.data))
    }
    if (problems.length > 0) {
      throw new WgradError(
        `loadStateDict: ${problems.join('; ')}; load weights of the same architecture${strict && unexpected.length + missing.length > 0 ? ', or pass { strict: false }' : ''}`,
      )
    }
    return writes
  }
}

/** `data` of `shape` with its axes in another order, as f32. */
export function permuted(data: ArrayLike<number>, shape: readonly number[], axes: readonly number[]): TypedArray {
  const strides = contiguousStrides(shape)
  const sizes = axes.map((a) => shape[a] as number)
  const steps = axes.map((a) => strides[a] as number)
  const out = new Float32Array(data.length)
  const at = new Array<number>(sizes.length).fill(0)
  let from = 0
  for (let i = 0; i < out.length; i++) {
    out[i] = data[from] as number
    for (let d = sizes.length - 1; d >= 0; d--) {
      at[d] = (at[d] as number) + 1
      from += steps[d] as number
      if ((at[d] as number) < (sizes[d] as number)) break
      from -= (at[d] as number) * (steps[d] as number)
      at[d] = 0
    }
  }
  return out
}
