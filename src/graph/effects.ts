import { copyOp } from './constant.ts'
import { baseOf } from './passes/uses.ts'
import { type GraphProgram, isLeaf } from './program.ts'
import type { Effect } from './trace.ts'
import { Node, type Value } from './value.ts'
import type { Variable } from './variable.ts'

/** A value that a task writes straight into a variable. */
export interface Assignment {
  /** Names the assignment when it has to be staged through a copy; see {@link settleEffects}. */
  readonly key: string
  readonly variable: Variable
  readonly version: number
  readonly root: Value
}

/** A program whose effects are plain facts about its values. */
export interface Settled {
  readonly program: GraphProgram
  /** Values that need a buffer of their own. */
  readonly wanted: readonly Value[]
  readonly outputs: readonly Value[]
  readonly assignments: readonly Assignment[]
  /** Nodes that rewrite variables in place, and the version that each write makes. */
  readonly mutations: readonly { readonly node: Node; readonly writes: readonly (readonly [Variable, number])[] }[]
  readonly packs: readonly Pack[]
}

/** Values to be laid out within the buffer of a pack node's output. */
export interface Pack {
  readonly output: Value
  readonly parts: readonly { readonly key: string; readonly root: Value; readonly offset: number }[]
}

/** The buffer that a variable shares with others, or the variable itself. */
export function arenaOf(variable: Variable): Variable {
  return variable.arena ?? variable
}

/**
 * Inserts the copies that effects, packs and outputs need: a value goes straight to its destination when nothing else
 * uses it and it is computed here; otherwise a copy of it goes there. `levels` names the destinations whose value must
 * first be kept in a buffer of its own, because one dispatch cannot read and write one buffer.
 */
export function settleEffects(program: GraphProgram, levels: ReadonlyMap<string, number>): Settled {
  const nodes: Node[] = []
  const replaced = new Map<Value, Value>()
  const rebuilt = new Map<Node, Node>()
  const claimed = new Set<Value>()
  const now = (v: Value): Value => replaced.get(v) ?? v
  const readers = new Set(
    program.nodes.flatMap((n) =>
      n.op.kind === 'pack' || (n.op.kind === 'map' && n.op.alias) ? [] : n.inputs.map(baseOf),
    ),
  )
  for (const v of program.outputs) readers.add(baseOf(v))

  /** The value once more: what is made of nothing is made again, so that no buffer is read that a neighbour is written to. */
  const copied = (v: Value): Value => {
    const base = baseOf(v)
    const made = base.node
    const isMade = !isLeaf(base) && made.op.kind === 'map' && made.inputs.length === 0
    const node = isMade
      ? new Node(program.device, made.op, made.attrs, [], made.outputs, made.site, made.payload)
      : new Node(program.device, copyOp, {}, [v], [v], v.node.site)
    nodes.push(node)
    return node.outputs[0] as Value
  }
  const staged: Value[] = []
  /** A value of its own for a destination. */
  const claim = (key: string, v: Value, shareable: boolean): Value => {
    const base = baseOf(v)
    const isElsewhere = isLeaf(base) || claimed.has(base)
    let root: Value
    if ((levels.get(key) ?? 0) > 0) {
      const stage = isElsewhere ? copied(v) : base
      staged.push(stage)
      claimed.add(stage)
      root = copied(stage)
    } else root = isElsewhere || (!shareable && readers.has(base)) ? copied(v) : base
    claimed.add(root)
    return root
  }

  const packs: Pack[] = []
  for (const node of program.nodes) {
    let inputs = node.inputs.map(now)
    let pack: ((output: Value) => Pack) | null = null
    if (node.op.kind === 'pack') {
      const offsets = node.op.offsets(node.attrs as never)
      const parts = inputs.map((v, i) => {
        const key = `pack ${packs.length} ${i}`
        return { key, root: claim(key, v, true), offset: offsets[i] as number }
      })
      inputs = parts.map((p) => p.root)
      pack = (output) => ({ output, parts })
    }
    const changed = inputs.some((v, i) => v !== node.inputs[i])
    const fresh = changed
      ? new Node(node.device, node.op, node.attrs, inputs, node.outputs, node.site, node.payload)
      : node
    if (changed) rebuilt.set(node, fresh)
    node.outputs.forEach((o, i) => {
      if (changed) replaced.set(o, fresh.outputs[i] as Value)
    })
    if (pack) packs.push(pack(fresh.outputs[0] as Value))
    nodes.push(fresh)
  }

  const versions = new Map<Variable, number>()
  const assignments: Assignment[] = []
  const mutations: { node: Node; writes: readonly (readonly [Variable, number])[] }[] = []
  program.effects.forEach((e: Effect, i) => {
    if (e.kind === 'mutate') {
      mutations.push({ node: rebuilt.get(e.node) ?? e.node, writes: e.writes })
      for (const [v, version] of e.writes) versions.set(v, version)
      return
    }
    const version = (versions.get(e.variable) ?? 0) + 1
    versions.set(e.variable, version)
    const key = `assign ${i}`
    assignments.push({ key, variable: e.variable, version, root: claim(key, now(e.value), false) })
  })

  const outputs = program.outputs.map((v, i) => claim(`output ${i}`, now(v), true))
  const wanted = [
    ...outputs,
    ...assignments.map((a) => a.root),
    ...packs.flatMap((p) => p.parts.map((part) => part.root)),
    ...staged,
  ]
  return { program: { ...program, nodes, outputs }, wanted, outputs, assignments, mutations, packs }
}
