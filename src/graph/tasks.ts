import { WgradError } from '../errors.ts'
import type { Program } from '../gpu/pipelines.ts'
import { renderTemplate } from '../gpu/template.ts'
import { formatShape, gridOf } from '../shape.ts'
import type { Settled } from './effects.ts'
import { arenaOf } from './effects.ts'
import { emitMap } from './emit.ts'
import { readOp, type VariableRead } from './leaf.ts'
import { mapKernel } from './map-kernel.ts'
import type { Fusion } from './passes/fuse.ts'
import type { Group } from './passes/groups.ts'
import { type Interval, placeIntervals } from './passes/memory.ts'
import { type MemoryUse, orderTasks } from './passes/order.ts'
import { namedNode } from './passes/storage.ts'
import type { PlanOptions } from './plan.ts'
import { formatSite, specBytes, type Value } from './value.ts'
import type { Variable } from './variable.ts'

/** Where a value is while a plan runs: what kind of buffer, which one, and the byte offset in it. */
export interface Place {
  readonly space: 'slot' | 'fixed' | 'variable' | 'leaf' | 'host' | 'output'
  readonly index: number
  readonly offset: number
}

/** A group in its place in the order. */
export interface Task {
  readonly id: number
  readonly group: Group
  /** A read value whose buffer the output takes over. */
  readonly inPlace: Value | null
}

/** Tasks in order, and a place for everything they write. */
export interface Arranged {
  readonly kind: 'done'
  readonly tasks: readonly Task[]
  readonly places: ReadonlyMap<Value, Place>
  /** Slot of each temporary, by `task:name`. */
  readonly temps: ReadonlyMap<string, number>
  readonly slots: readonly number[]
  /** The largest value of each slot, for messages. */
  readonly slotNames: readonly string[]
  readonly fixed: readonly number[]
  readonly outputs: readonly Value[]
  /** Slots to be filled with NaN after the task at a position. */
  readonly poison: ReadonlyMap<number, readonly { slot: number; bytes: number }[]>
}

/** Destinations that need a copy in between; see settleEffects. */
export interface Retry {
  readonly kind: 'retry'
  readonly keys: readonly string[]
}

function readOf(value: Value): VariableRead | null {
  return value.node.op === readOp && !value.storage ? (value.node.payload as VariableRead) : null
}

/** Orders the groups by what they read and write, and places what they write. */
export function arrange(
  settled: Settled,
  fusion: Fusion,
  options: PlanOptions,
  variableIndex: ReadonlyMap<Variable, number>,
): Arranged | Retry {
  const { groups } = fusion
  const assigned = new Map(settled.assignments.map((a) => [a.root, a]))
  const packed = new Map(
    settled.packs.flatMap((p, index) => p.parts.map((part) => [part.root, { index, ...part }] as const)),
  )

  const conflicts = groups.flatMap((g) => conflictKeys(g, fusion, assigned, packed))
  if (conflicts.length > 0) return { kind: 'retry', keys: conflicts }

  const places = new Map<Value, Place>()
  for (const a of settled.assignments)
    places.set(a.root, { space: 'variable', index: variableIndex.get(a.variable) as number, offset: 0 })
  settled.packs.forEach((p, index) => {
    places.set(p.output, { space: 'fixed', index, offset: 0 })
    for (const part of p.parts) places.set(part.root, { space: 'fixed', index, offset: part.offset })
  })
  if (options.outputs === 'direct') {
    settled.outputs.forEach((v, index) => {
      places.set(v, { space: 'output', index, offset: 0 })
    })
  }

  const after = dependencies(settled, groups)
  const { order, stuck } = orderTasks(groups.length, after, options.order, memoryUse(groups, places))
  if (stuck.length > 0) {
    const keys = stuck.flatMap((i) => (groups[i] as Group).outputs.flatMap((v) => assigned.get(v)?.key ?? []))
    if (keys.length > 0) return { kind: 'retry', keys }
    throw circleError()
  }

  const lastRead = new Map<Value, number>()
  order.forEach((id, at) => {
    for (const v of (groups[id] as Group).reads) lastRead.set(v, at)
  })
  if (options.outputs === 'slots') for (const v of settled.outputs) lastRead.set(v, order.length)

  const intervals: Interval[] = []
  const owners: ({ value: Value } | { temp: string })[] = []
  const intervalOf = new Map<Value, number>()
  const taken = new Set<number>()
  const tasks = order.map((id, at): Task => {
    const group = groups[id] as Group
    let inPlace: Value | null = null
    for (const value of group.outputs) {
      const assignment = assigned.get(value)
      if (assignment) inPlace = group.reads.find((v) => readOf(v)?.variable === assignment.variable) ?? null
      if (places.has(value)) continue
      const to = Math.max(at, lastRead.get(value) ?? at)
      let takes: number | undefined
      if (options.reuse && group.kind === 'map') {
        const dying = group.reads.find(
          (v) =>
            intervalOf.has(v) &&
            lastRead.get(v) === at &&
            specBytes(v) === specBytes(value) &&
            v.dtype === value.dtype &&
            !taken.has(intervalOf.get(v) as number),
        )
        if (dying && emitMap(group, fusion, null).alignedOnly.has(dying)) {
          takes = intervalOf.get(dying) as number
          taken.add(takes)
          inPlace = dying
        }
      }
      intervalOf.set(value, intervals.length)
      intervals.push({ bytes: Math.max(4, specBytes(value)), from: at, to, ...(takes === undefined ? {} : { takes }) })
      owners.push({ value })
    }
    for (const [name, bytes] of temporaries(group)) {
      intervals.push({ bytes, from: at, to: at })
      owners.push({ temp: `${id}:${name}` })
    }
    return { id, group, inPlace }
  })

  const { slotOf, slotBytes } = placeIntervals(intervals, options.reuse)
  const temps = new Map<string, number>()
  const poison = new Map<number, { slot: number; bytes: number }[]>()
  const slotNames = slotBytes.map(() => '')
  owners.forEach((owner, i) => {
    const slot = slotOf[i] as number
    if (intervals[i]?.bytes === slotBytes[slot])
      slotNames[slot] = 'temp' in owner ? 'workspace' : describeValue(owner.value)
    if ('temp' in owner) temps.set(owner.temp, slot)
    else places.set(owner.value, { space: 'slot', index: slot, offset: 0 })
    const { to, bytes } = intervals[i] as Interval
    if (options.poison && to < order.length && !taken.has(i))
      poison.set(to, [...(poison.get(to) ?? []), { slot, bytes }])
  })
  return {
    kind: 'done',
    tasks,
    places,
    temps,
    slots: slotBytes,
    slotNames,
    fixed: settled.packs.map((p) => specBytes(p.output)),
    outputs: settled.outputs,
    poison,
  }
}

/** The error for a step whose reads and writes of variables allow no order. */
export function circleError(): WgradError {
  return new WgradError(
    'compile: the step both reads and overwrites a variable in a circle; read it before the optimizer step',
  )
}

/** What each group takes and frees of the slots: values with a place of their own take none. */
function memoryUse(groups: readonly Group[], places: ReadonlyMap<Value, Place>): MemoryUse {
  const bytesOf = new Map<Value, number>()
  for (const g of groups) for (const v of g.outputs) if (!places.has(v)) bytesOf.set(v, specBytes(v))
  const readers = new Map<Value, number>()
  for (const g of groups) for (const v of g.reads) readers.set(v, (readers.get(v) ?? 0) + 1)
  return {
    net(task) {
      const { outputs, reads } = groups[task] as Group
      let net = 0
      for (const v of outputs) net -= bytesOf.get(v) ?? 0
      for (const v of reads) if (readers.get(v) === 1) net += bytesOf.get(v) ?? 0
      return net
    },
    ran(task) {
      for (const v of (groups[task] as Group).reads) readers.set(v, (readers.get(v) as number) - 1)
    },
  }
}

/** Keys of the destinations of `group` whose buffer the group also reads, other than element by element. */
function conflictKeys(
  group: Group,
  fusion: Fusion,
  assigned: ReadonlyMap<Value, { readonly key: string; readonly variable: Variable }>,
  packed: ReadonlyMap<Value, { readonly key: string; readonly index: number }>,
): string[] {
  return group.outputs.flatMap((value) => {
    const assignment = assigned.get(value)
    if (assignment) {
      const arena = arenaOf(assignment.variable)
      const shared = group.reads.filter((v) => {
        const home = readOf(v)?.variable ?? assigned.get(v)?.variable
        return home !== undefined && arenaOf(home) === arena
      })
      if (shared.length === 0) return []
      const own =
        shared.length === 1 && group.kind === 'map' && readOf(shared[0] as Value)?.variable === assignment.variable
      return own && emitMap(group, fusion, null).alignedOnly.has(shared[0] as Value) ? [] : [assignment.key]
    }
    const part = packed.get(value)
    if (part && group.reads.some((v) => packed.get(v)?.index === part.index)) return [part.key]
    return []
  })
}

/** For each group the groups that must come before it. */
function dependencies(settled: Settled, groups: readonly Group[]): ReadonlySet<number>[] {
  const producer = new Map<Value, number[]>()
  groups.forEach((g, i) => {
    for (const v of g.outputs) producer.set(v, [i])
  })
  for (const p of settled.packs)
    producer.set(
      p.output,
      p.parts.flatMap((part) => producer.get(part.root) ?? []),
    )

  const writers = new Map<Variable, { task: number; version: number }[]>()
  const write = (variable: Variable, version: number, task: number): void => {
    writers.set(variable, [...(writers.get(variable) ?? []), { task, version }])
  }
  for (const a of settled.assignments) for (const task of producer.get(a.root) ?? []) write(a.variable, a.version, task)
  for (const m of settled.mutations) {
    const task = groups.findIndex((g) => g.node === m.node)
    for (const [variable, version] of m.writes) write(variable, version, task)
  }

  const assigned = new Map(settled.assignments.map((a) => [a.root, a]))
  const after = groups.map(() => new Set<number>())
  const follow = (task: number, before: number): void => {
    if (task !== before) (after[task] as Set<number>).add(before)
  }
  groups.forEach((g, i) => {
    for (const v of g.reads) {
      for (const before of producer.get(v) ?? []) follow(i, before)
      // What stands in a variable is there until its next write, whether it was read from it or assigned to it.
      const read = readOf(v) ?? assigned.get(v)
      for (const w of read ? (writers.get(read.variable) ?? []) : []) {
        if (read && w.version > read.version) follow(w.task, i)
        else follow(i, w.task)
      }
    }
  })
  for (const list of writers.values())
    for (const a of list) for (const b of list) if (a.version < b.version) follow(b.task, a.task)
  return after
}

/** `matmul [64, 256] at train.ts:12:7` */
export function describeValue(value: Value): string {
  const { op, site: at } = namedNode(value.node)
  const site = formatSite(at)
  return `${op.name} ${formatShape(value.shape)}${site ? ` at ${site}` : ''}`
}

function temporaries(group: Group): Map<string, number> {
  const found = new Map<string, number>()
  for (const call of group.calls) {
    for (const operand of Object.values(call.bindings)) {
      if ('temp' in operand) found.set(operand.temp, Math.max(found.get(operand.temp) ?? 0, operand.bytes))
    }
  }
  return found
}

/** The program that fills a buffer with NaN. */
export function poisonProgram(bytes: number): { program: Program; grid: readonly [number, number, number] } {
  const words = Math.floor(bytes / 4)
  const threads = 64
  const grid = gridOf(Math.ceil(words / threads))
  const source = renderTemplate(mapKernel.template, {
    DECLS: '@group(0) @binding(0) var<storage, read_write> y: array<u32>;',
    BODY: 'y[i] = 0x7fc07fc0;',
    N: words,
    ROW: grid[0] * threads,
    THREADS: threads,
  })
  return { program: { name: 'poison.wgsl', source, bindings: [{ name: 'y', access: 'read_write' }] }, grid }
}
