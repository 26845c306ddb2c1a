import { readLeaf } from './leaf.ts'
import type { Node, Value } from './value.ts'
import type { Variable } from './variable.ts'

/** A change that a step makes to the world outside of it. */
export type Effect =
  | { readonly kind: 'assign'; readonly variable: Variable; readonly value: Value }
  /** A kernel that rewrites variables in place; `writes` lists them with the version they get. */
  | { readonly kind: 'mutate'; readonly node: Node; readonly writes: readonly (readonly [Variable, number])[] }

/** A fact of JavaScript that the traced graph depends on. */
export interface Guard {
  readonly name: string
  readonly get: () => unknown
  readonly value: unknown
}

/** What one traced call of a function did. */
export class Trace {
  /** Traced for a compiled step, and not run once at the end of the trace. */
  readonly isStep: boolean
  readonly effects: Effect[] = []
  readonly guards: Guard[] = []
  /** Host bookkeeping that belongs to each run of the step, such as counting it. */
  readonly hooks: (() => void)[] = []
  /** Random ops so far; each takes its own place in the generator's sequence. */
  randomOps = 0
  /** How often each variable was written so far. */
  readonly versions = new Map<Variable, number>()
  private readonly flagged = new Set<Variable>()
  private readonly once = new Map<string, unknown>()
  private readonly current = new Map<Variable, Value>()

  constructor(isStep = false) {
    this.isStep = isStep
  }

  /** The value `variable` has at this point of the step. */
  read(variable: Variable): Value {
    let value = this.current.get(variable)
    if (!this.flagged.has(variable)) {
      this.flagged.add(variable)
      this.guard(`requiresGrad of ${variable.label}`, () => variable.requiresGrad)
    }
    if (!value) {
      value = readLeaf(variable, this.versions.get(variable) ?? 0)
      this.current.set(variable, value)
    }
    return value
  }

  assign(variable: Variable, value: Value): void {
    this.bump(variable)
    this.effects.push({ kind: 'assign', variable, value })
    this.current.set(variable, value)
  }

  /** Records a node that rewrites `variables` in place, and with an arena all its members. */
  mutate(node: Node, variables: readonly Variable[]): void {
    const all = variables.flatMap((v) => [v, ...v.members])
    for (const variable of all) {
      this.bump(variable)
      this.current.delete(variable)
    }
    this.effects.push({ kind: 'mutate', node, writes: all.map((v) => [v, this.versions.get(v) as number] as const) })
  }

  /** Makes the plan depend on a fact: when it changes, the step is traced again. */
  guard<T>(name: string, get: () => T): T {
    const value = get()
    this.guards.push({ name, get, value })
    return value
  }

  /** Something made once for each trace. */
  shared<T>(name: string, make: () => T): T {
    if (!this.once.has(name)) this.once.set(name, make())
    return this.once.get(name) as T
  }

  private bump(variable: Variable): void {
    this.versions.set(variable, (this.versions.get(variable) ?? 0) + 1)
  }
}

let active: Trace | null = null

/** The trace that ops and effects are recorded in now, or null outside of any. */
export function activeTrace(): Trace | null {
  return active
}

/** Runs `fn` under `trace`. */
export function withTrace<T>(trace: Trace, fn: () => T): T {
  const outer = active
  active = trace
  try {
    return fn()
  } finally {
    active = outer
  }
}

/** Reads a fact of JavaScript that the graph is going to depend on: a compiled step is traced again when it changes. */
export function guarded<T>(name: string, get: () => T): T {
  return active ? active.guard(name, get) : get()
}
