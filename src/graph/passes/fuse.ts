import { numel } from '../../shape.ts'
import type { DeviceTraits, KernelCall, KernelOp, MapOp } from '../op.ts'
import { type GraphProgram, isLeaf } from '../program.ts'
import type { Node, Value } from '../value.ts'

/** One unit of work: an elementwise expression, or a kernel with what joined it. */
export interface Group {
  readonly kind: 'map' | 'kernel'
  readonly node: Node
  /** Output 0 after the epilogue; null for a node without outputs. */
  readonly root: Value | null
  /** All values this group writes. */
  readonly outputs: readonly Value[]
  /** Values read from buffers. */
  readonly reads: readonly Value[]
  readonly calls: readonly KernelCall[]
}

/** How the program's values come to be: in a buffer of their own, or as a part of whoever reads them. */
export interface Fusion {
  readonly groups: readonly Group[]
  /** Pack nodes: their inputs are to be placed inside the output. */
  readonly packs: readonly Node[]
  /** True for values that are recomputed inside their readers. */
  inlined(value: Value): boolean
}

interface Use {
  readonly node: Node
  readonly arg: number
}

/** Ops in one expression; longer chains are stored in between, so that shaders stay small. */
const longestExpression = 96

/** FLOPs per element up to which computing a value again beats storing it once. */
const recomputeFlops = 4

/** The value whose buffer holds `value`: reshapes are followed to what they reshape. */
export function baseOf(value: Value): Value {
  let v = value
  while (!isLeaf(v) && v.node.op.kind === 'map' && v.node.op.alias) v = v.node.inputs[0] as Value
  return v
}

/**
 * Groups elementwise ops with each other and with the kernels before and after them. `wanted` are values that need a
 * buffer; `lower` gives the dispatches of a kernel node.
 */
export function fuse(
  program: GraphProgram,
  wanted: readonly Value[],
  traits: DeviceTraits,
  lower: (node: Node, op: KernelOp) => readonly KernelCall[],
): Fusion {
  const uses = usesOf(program)
  const stored = new Set<Value>()
  const store = (v: Value): void => {
    const base = baseOf(v)
    if (!isLeaf(base)) stored.add(base)
  }
  for (const v of wanted) store(v)
  for (const node of program.nodes) {
    const { op } = node
    if (op.kind === 'kernel') {
      node.inputs.forEach((v, i) => {
        if (!isVirtual(op, i)) store(v)
      })
    } else if (op.kind === 'pack') node.inputs.forEach(store)
    else if (op.kind === 'map' && op.isKept) store(node.outputs[0] as Value)
  }

  /** Buffers that computing a value reads, as known when it was looked at: an upper bound for the binding limit. */
  const reach = new Map<Value, ReadonlySet<Value>>()
  const flops = new Map<Value, number>()
  const length = new Map<Value, number>()
  const inlined = (v: Value): boolean => !isLeaf(v) && v.node.op.kind === 'map' && !stored.has(v)
  const reachOf = (v: Value): ReadonlySet<Value> => {
    const base = baseOf(v)
    return inlined(base) ? (reach.get(base) ?? new Set()) : new Set([base])
  }
  const place = new Map(program.nodes.map((node, i) => [node, i]))
  const flopsOf = (v: Value): number => (inlined(v) ? (flops.get(v) ?? 0) : 0)

  const limitReach = (inputs: readonly Value[], room: number): Set<Value> => {
    for (;;) {
      const all = new Set(inputs.flatMap((v) => [...reachOf(v)]))
      if (all.size <= room) return all
      const widest = inputs.filter((v) => reachOf(v).size > 1).sort((a, b) => reachOf(b).size - reachOf(a).size)[0]
      if (!widest) return all
      store(widest)
    }
  }

  for (const node of program.nodes) {
    const { op } = node
    if (op.kind === 'kernel') {
      // A node without outputs rewrites the variables that it carries.
      const written = node.outputs.length === 0 ? (node.payload as readonly unknown[]).length : node.outputs.length + 1
      const own = node.inputs.filter((_, i) => !isVirtual(op, i)).length + written
      limitReach(
        node.inputs.filter((_, i) => isVirtual(op, i)),
        traits.maxBuffers - own,
      )
    }
    if (op.kind !== 'map') continue
    const v = node.outputs[0] as Value
    reach.set(v, limitReach(node.inputs, traits.maxBuffers - 1))
    flops.set(
      v,
      node.inputs.reduce((sum, x) => sum + flopsOf(x), op.flops(node.attrs as never)),
    )
    length.set(
      v,
      node.inputs.reduce((sum, x) => sum + (inlined(x) ? (length.get(x) ?? 0) : 0), 1),
    )
    if ((length.get(v) as number) > longestExpression) store(v)
    if (op.alias || stored.has(v)) continue
    const readers = effectiveUses(v, uses)
    const again = readers.some(
      (u) => u.node.op.kind === 'map' && numel((u.node.outputs[0] as Value).shape) > numel(v.shape),
    )
    const cost = flops.get(v) as number
    const plain = (reach.get(v) as Set<Value>).size === 0 && cost === 0
    const isDear = readers.length > 1 && cost > recomputeFlops
    if (!plain && ((again && cost > 1) || (isDear && !meets(v, uses, place, stored)))) store(v)
  }

  return {
    groups: formGroups(program, uses, stored, inlined, traits, lower),
    packs: program.nodes.filter((n) => n.op.kind === 'pack'),
    inlined,
  }
}

function isVirtual(op: KernelOp, input: number): boolean {
  return op.virtual?.includes((op.variadic ? op.inputs[0] : op.inputs[input]) as string) ?? false
}

function usesOf(program: GraphProgram): Map<Value, Use[]> {
  const uses = new Map<Value, Use[]>()
  for (const node of program.nodes) {
    node.inputs.forEach((v, arg) => {
      const list = uses.get(v)
      if (list) list.push({ node, arg })
      else uses.set(v, [{ node, arg }])
    })
  }
  return uses
}

/** Who reads `v`, looking through reshapes. */
function effectiveUses(v: Value, uses: Map<Value, Use[]>): Use[] {
  return (uses.get(v) ?? []).flatMap((u) =>
    u.node.op.kind === 'map' && u.node.op.alias ? effectiveUses(u.node.outputs[0] as Value, uses) : [u],
  )
}

function formGroups(
  program: GraphProgram,
  uses: Map<Value, Use[]>,
  stored: ReadonlySet<Value>,
  inlined: (v: Value) => boolean,
  traits: DeviceTraits,
  lower: (node: Node, op: KernelOp) => readonly KernelCall[],
): Group[] {
  const hosts = new Map<Value, Value>()
  const rootOf = new Map<Value, Value>()
  for (const node of [...program.nodes].reverse()) {
    const out = node.outputs[0]
    if (node.op.kind !== 'kernel' || !node.op.epilogue || !out || stored.has(out)) continue
    const root = soleRoot(out, uses, stored)
    if (!root || hosts.has(root) || numel(root.shape) !== numel(out.shape)) continue
    if (node.outputs.length > 1 && waitsFor(root, node, rootOf)) continue
    // What is read through generated loads counts as well as what the epilogue reads; beside the outputs there is a workspace.
    const bound = readsOf(root.node.inputs, inlined)
    for (const b of readsOf(node.inputs, inlined)) bound.add(b)
    bound.delete(out)
    if (bound.size + node.outputs.length + 1 > traits.maxBuffers) continue
    hosts.set(root, out)
    rootOf.set(out, root)
  }

  const groups: Group[] = []
  for (const node of program.nodes) {
    const { op } = node
    const out = node.outputs[0] as Value
    if (op.kind === 'map') {
      if (!stored.has(out) || inlined(out) || hosts.has(out)) continue
      const reads = [...readsOf(node.inputs, inlined)]
      groups.push({ kind: 'map', node, root: out, outputs: [out], reads, calls: [] })
    } else if (op.kind === 'kernel') {
      const root = out ? (rootOf.get(out) ?? out) : null
      const calls = lower(node, op)
      const reads = readsOf(node.inputs, inlined)
      if (root && root !== out) for (const b of readsOf(root.node.inputs, inlined)) if (b !== out) reads.add(b)
      const outputs = root ? [root, ...node.outputs.slice(1)] : []
      groups.push({ kind: 'kernel', node, root, outputs, reads: [...reads], calls })
    }
  }
  return groups
}

/** True where `root`, which would join `node`, needs another output of it: itself, or by way of a kernel with all that joined it. */
function waitsFor(root: Value, node: Node, rootOf: ReadonlyMap<Value, Value>): boolean {
  const [out] = node.outputs
  const seen = new Set<Node>()
  const stack = [...root.node.inputs]
  for (let v = stack.pop(); v; v = stack.pop()) {
    if (v === out || seen.has(v.node)) continue
    if (v.node === node) return true
    seen.add(v.node)
    const joined = rootOf.get(v.node.outputs[0] as Value)
    stack.push(...v.node.inputs, ...(joined ? joined.node.inputs : []))
  }
  return false
}

/** Nodes between a value and where its uses meet again that are looked at. */
const longestWay = 32

/** True where all uses of `v` meet again in one expression, element by element: v is then computed once in it, however often it is read. */
function meets(
  v: Value,
  uses: ReadonlyMap<Value, readonly Use[]>,
  place: ReadonlyMap<Node, number>,
  stored: ReadonlySet<Value>,
): boolean {
  const open = new Set<Node>()
  let at = v
  for (let i = 0; i < longestWay; i++) {
    const readers = uses.get(at) ?? []
    if (readers.length === 0 || (at !== v && stored.has(at))) return false
    for (const { node, arg } of readers) {
      if (node.op.kind !== 'map') return false
      const out = node.outputs[0] as Value
      if (!node.op.alias && !(node.op as MapOp).aligned(arg, node.inputs, out, node.attrs as never)) return false
      open.add(node)
    }
    if (open.size === 1) return true
    const first = [...open].reduce((a, b) => ((place.get(a) as number) < (place.get(b) as number) ? a : b))
    open.delete(first)
    at = first.outputs[0] as Value
  }
  return false
}

/** The buffers that computing from `inputs` reads, looking through what is inlined. */
function readsOf(inputs: readonly Value[], inlined: (v: Value) => boolean): Set<Value> {
  const reads = new Set<Value>()
  const seen = new Set<Value>()
  const walk = (v: Value): void => {
    if (seen.has(v)) return
    seen.add(v)
    if (inlined(v)) v.node.inputs.forEach(walk)
    else reads.add(baseOf(v))
  }
  inputs.forEach(walk)
  return reads
}

/** The one stored elementwise value that all readers of `v` lead to, element by element; null if there is none. */
function soleRoot(v: Value, uses: Map<Value, Use[]>, stored: ReadonlySet<Value>): Value | null {
  const roots = new Set<Value>()
  const walk = (at: Value): boolean => {
    const list = uses.get(at) ?? []
    return (
      list.length > 0 &&
      list.every(({ node, arg }) => {
        if (node.op.kind !== 'map') return false
        const op: MapOp = node.op
        const out = node.outputs[0] as Value
        if (!op.alias && !op.aligned(arg, node.inputs, out, node.attrs as never)) return false
        if (stored.has(out)) {
          roots.add(out)
          return true
        }
        return walk(out)
      })
    )
  }
  if (!walk(v) || roots.size !== 1) return null
  const [root] = roots
  return root ?? null
}
