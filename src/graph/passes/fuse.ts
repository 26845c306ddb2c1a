import { numel } from '../../shape.ts'
import type { DeviceTraits, KernelCall, KernelOp } from '../op.ts'
import { type GraphProgram, isLeaf } from '../program.ts'
import type { Node, Value } from '../value.ts'
import { formGroups, type Group } from './groups.ts'
import { baseOf, effectiveUses, isAligned, type Uses, usesOf } from './uses.ts'

/** How the program's values come to be: in a buffer of their own, or as a part of whoever reads them. */
export interface Fusion {
  readonly groups: readonly Group[]
  /** Pack nodes: their inputs are to be placed inside the output. */
  readonly packs: readonly Node[]
  /** True for values that are recomputed inside their readers. */
  inlined(value: Value): boolean
}

/** Ops in one expression; longer chains are stored in between, so that shaders stay small. */
const longestExpression = 96

/** FLOPs per element up to which computing a value again beats storing it once. */
const recomputeFlops = 4

/**
 * FLOPs that may be computed again rather than have a dispatch of their own, which takes a GPU some microseconds. Software drivers take
 * long to compile a kernel that has an expression in each of its stores.
 */
const dispatchFlops = 2 ** 22

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
    const larger = readers
      .filter((u) => u.node.op.kind === 'map')
      .map((u) => numel((u.node.outputs[0] as Value).shape))
      .filter((size) => size > numel(v.shape))
    const cost = flops.get(v) as number
    const plain = (reach.get(v) as Set<Value>).size === 0 && cost === 0
    const isSpread =
      cost > 1 && cost * larger.reduce((sum, size) => sum + size, 0) > (traits.software ? 0 : dispatchFlops)
    const isDear = readers.length > 1 && cost > recomputeFlops
    if (!plain && (isSpread || (isDear && !meets(v, uses, place, stored)))) store(v)
  }

  return {
    groups: formGroups(program, { uses, stored, wanted: new Set(wanted.map(baseOf)), inlined }, traits, lower),
    packs: program.nodes.filter((n) => n.op.kind === 'pack'),
    inlined,
  }
}

function isVirtual(op: KernelOp, input: number): boolean {
  return op.virtual?.includes((op.variadic ? op.inputs[0] : op.inputs[input]) as string) ?? false
}

/** Nodes between a value and where its uses meet again that are looked at. */
const longestWay = 32

/** True where all uses of `v` meet again in one expression, element by element: v is then computed once in it, however often it is read. */
function meets(v: Value, uses: Uses, place: ReadonlyMap<Node, number>, stored: ReadonlySet<Value>): boolean {
  const open = new Set<Node>()
  let at = v
  for (let i = 0; i < longestWay; i++) {
    const readers = uses.get(at) ?? []
    if (readers.length === 0 || (at !== v && stored.has(at))) return false
    for (const { node, arg } of readers) {
      if (node.op.kind !== 'map') return false
      if (!isAligned(node, arg)) return false
      open.add(node)
    }
    if (open.size === 1) return true
    const first = [...open].reduce((a, b) => ((place.get(a) as number) < (place.get(b) as number) ? a : b))
    open.delete(first)
    at = first.outputs[0] as Value
  }
  return false
}
