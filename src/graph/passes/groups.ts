import { numel } from '../../shape.ts'
import { readOp, type VariableRead } from '../leaf.ts'
import type { DeviceTraits, KernelCall, KernelOp } from '../op.ts'
import { type GraphProgram, isLeaf } from '../program.ts'
import type { Node, Value } from '../value.ts'
import { isAligned, readsOf, type Uses } from './uses.ts'

/** One unit of work: an elementwise expression, or a kernel with what joined it. */
export interface Group {
  readonly kind: 'map' | 'kernel'
  readonly node: Node
  /** Output 0 after the epilogue; null for a node without outputs. */
  readonly root: Value | null
  /** What the epilogue stores beside the root, made of it or of what stands before it here. */
  readonly also: readonly Value[]
  /** All values this group writes: the root, the kernel's further outputs, and `also`. */
  readonly outputs: readonly Value[]
  /** Values read from buffers. */
  readonly reads: readonly Value[]
  readonly calls: readonly KernelCall[]
}

/** What is decided before groups are formed. */
export interface Stored {
  readonly uses: Uses
  /** Values that need a buffer; those that groups store in addition are entered. */
  readonly stored: Set<Value>
  /** Those of them that something outside of the program needs. */
  readonly wanted: ReadonlySet<Value>
  /** True for values that are recomputed inside their readers. */
  inlined(v: Value): boolean
}

/** What joined the epilogue of a kernel. */
interface Joined {
  readonly root: Value
  readonly also: Value[]
}

/** The groups of a program in the order of its nodes. */
export function formGroups(
  program: GraphProgram,
  decided: Stored,
  traits: DeviceTraits,
  lower: (node: Node, op: KernelOp) => readonly KernelCall[],
): Group[] {
  const joined = joinRoots(program, decided, traits)
  joinOthers(program, decided, joined, traits)
  const { stored, inlined } = decided
  const within = new Set([...joined.values()].flatMap(({ root, also }) => [root, ...also]))

  const groups: Group[] = []
  for (const node of program.nodes) {
    const { op } = node
    const out = node.outputs[0] as Value
    if (op.kind === 'map') {
      if (!stored.has(out) || inlined(out) || within.has(out)) continue
      const reads = [...readsOf(node.inputs, inlined)]
      groups.push({ kind: 'map', node, root: out, also: [], outputs: [out], reads, calls: [] })
    } else if (op.kind === 'kernel') {
      const { root = out ?? null, also = [] } = joined.get(node) ?? {}
      const calls = lower(node, op)
      const outputs = root ? [root, ...node.outputs.slice(1), ...also] : []
      groups.push({ kind: 'kernel', node, root, also, outputs, reads: [...boundBy(node, root, also, inlined)], calls })
    }
  }
  return groups
}

/** The buffers that a kernel reads for itself, for what its generated loads make and for its epilogue. */
function boundBy(node: Node, root: Value | null, also: readonly Value[], inlined: (v: Value) => boolean): Set<Value> {
  const [out] = node.outputs
  const bound = readsOf(node.inputs, inlined)
  const made = [root, ...also].filter((v) => v !== null && v !== out) as Value[]
  for (const v of made)
    for (const b of readsOf(v.node.inputs, inlined)) if (b !== out && !made.includes(b)) bound.add(b)
  return bound
}

/** What becomes of each kernel's output 0 before it reaches a buffer, where there is one such value and no other. */
function joinRoots(program: GraphProgram, decided: Stored, traits: DeviceTraits): Map<Node, Joined> {
  const { stored } = decided
  const taken = new Set<Value>()
  const joined = new Map<Node, Joined>()
  for (const node of [...program.nodes].reverse()) {
    const [out] = node.outputs
    if (node.op.kind !== 'kernel' || !node.op.epilogue || !out) continue
    const root = stored.has(out) ? null : soleRoot(out, decided)
    const joins =
      root !== null &&
      !taken.has(root) &&
      numel(root.shape) === numel(out.shape) &&
      !(node.outputs.length > 1 && waitsFor(root, node, joined)) &&
      fits(node, root, decided, traits)
    if (joins) taken.add(root)
    joined.set(node, { root: joins ? root : out, also: [] })
  }
  return joined
}

/** Whether a kernel can bind all that making `root` reads; where it lacks a few, parts of `root` get buffers of their own. */
function fits(node: Node, root: Value, decided: Stored, traits: DeviceTraits): boolean {
  const isFitting = (): boolean => roomOf(node, root, [], decided.inlined, traits) >= 0
  if (isFitting()) return true
  const fresh: Value[] = []
  for (const part of partsOf(root, node.outputs[0] as Value, decided)) {
    decided.stored.add(part)
    fresh.push(part)
    if (isFitting()) return true
  }
  for (const part of fresh) decided.stored.delete(part)
  return false
}

/** Buffers that a kernel may still bind beside what it binds; beside the outputs there is a workspace. */
function roomOf(
  node: Node,
  root: Value,
  also: readonly Value[],
  inlined: (v: Value) => boolean,
  { maxBuffers }: DeviceTraits,
): number {
  return maxBuffers - boundBy(node, root, also, inlined).size - node.outputs.length - also.length - 1
}

/**
 * Parts of an expression that nothing else reads and that cost little to store, those first that read the most buffers: smaller ones, and
 * those that are not made of `out` and can join another kernel.
 */
function partsOf(root: Value, out: Value, { uses, stored, inlined }: Stored): Value[] {
  const found = new Map<Value, number>()
  const seen = new Set<Value>()
  const walk = (v: Value): void => {
    if (!inlined(v) || seen.has(v)) return
    seen.add(v)
    const reads = [...readsOf(v.node.inputs, inlined)]
    const isSmall = numel(v.shape) < numel(root.shape)
    const canJoin = reads.some(
      ({ node }) => node.op.kind === 'kernel' && node.op.epilogue && !stored.has(node.outputs[0] as Value),
    )
    const isPart = isSmall || (canJoin && !reads.includes(out))
    if (isPart && reads.length > 1 && uses.get(v)?.length === 1 && !isAlias(v)) found.set(v, reads.length)
    else v.node.inputs.forEach(walk)
  }
  root.node.inputs.forEach(walk)
  return [...found].sort(([, a], [, b]) => b - a).map(([v]) => v)
}

function isAlias({ node }: Value): boolean {
  return node.op.kind === 'map' && node.op.alias === true
}

/**
 * Lets kernels also store what is made of their root, element by element: an activation beside the sum that its gradient reads. A root
 * that nothing else reads is not stored then.
 */
function joinOthers(program: GraphProgram, decided: Stored, joined: Map<Node, Joined>, traits: DeviceTraits): void {
  const { stored, wanted, inlined } = decided
  const place = new Map(program.nodes.map((node, i) => [node, i]))
  const hostOf = new Map<Value, Node>()
  for (const [node, { root }] of joined) hostOf.set(root, node)
  for (const node of program.nodes) {
    const [v] = node.outputs
    if (node.op.kind !== 'map' || !v || !stored.has(v) || wanted.has(v) || hostOf.has(v)) continue
    const reads = [...readsOf(node.inputs, inlined)]
    const host = reads
      .flatMap((b) => hostOf.get(b) ?? [])
      .reduce<Node | null>((a, b) => (a && (place.get(a) as number) > (place.get(b) as number) ? a : b), null)
    if (!host || host.isGradient !== node.isGradient || reads.some(isRewritten)) continue
    const { root, also } = joined.get(host) as Joined
    const given = new Set([root, ...also])
    if (numel(v.shape) !== numel(root.shape) || !isMadeAlong(v, given, inlined)) continue
    if (roomOf(host, root, [...also, v], inlined, traits) < 0) continue
    if (reads.some((b) => !given.has(b) && needs(b, host, joined))) continue
    also.push(v)
    hostOf.set(v, host)
  }
  for (const [node, { root, also }] of joined) {
    const [first, ...rest] = also
    const readers = endsOf(root, decided)
    if (!first || wanted.has(root) || !readers || [...readers.ends].some((v) => !also.includes(v))) continue
    stored.delete(root)
    joined.set(node, { root: first, also: rest })
  }
}

/** True for a variable that the step had already written when it was read. */
function isRewritten({ node }: Value): boolean {
  return node.op === readOp && (node.payload as VariableRead).version > 0
}

/** True where an expression reads what is given element by element, wherever it does. */
function isMadeAlong(v: Value, given: ReadonlySet<Value>, inlined: (v: Value) => boolean): boolean {
  const reaching = new Map<Value, boolean>()
  /** Whether `x` is made of what is given; false at `isAlong` where it is so by another element. */
  let isAlong = true
  const walk = (x: Value): boolean => {
    const known = reaching.get(x)
    if (known !== undefined) return known
    let reaches = false
    x.node.inputs.forEach((input, arg) => {
      if (!(given.has(input) || (inlined(input) && walk(input)))) return
      reaches = true
      if (!isAligned(x.node, arg)) isAlong = false
    })
    reaching.set(x, reaches)
    return reaches
  }
  return walk(v) && isAlong
}

/** True where `value` cannot be made before the kernel `node`: by way of its node's inputs, or of what joined a kernel on the way. */
function needs(value: Value, node: Node, joined: ReadonlyMap<Node, Joined>, but?: Value): boolean {
  const seen = new Set<Node>()
  const stack = [value]
  for (let v = stack.pop(); v; v = stack.pop()) {
    if (v === but || isLeaf(v) || seen.has(v.node)) continue
    if (v.node === node) return true
    seen.add(v.node)
    const { root, also = [] } = joined.get(v.node) ?? {}
    stack.push(...v.node.inputs, ...(root ? [root, ...also].flatMap((j) => j.node.inputs) : []))
  }
  return false
}

/** True where `root`, which would join `node`, needs another output of it. */
function waitsFor(root: Value, node: Node, joined: ReadonlyMap<Node, Joined>): boolean {
  return root.node.inputs.some((v) => needs(v, node, joined, node.outputs[0]))
}

/** The one stored elementwise value that all readers of `v` lead to, element by element; null if there is none. */
function soleRoot(v: Value, decided: Stored): Value | null {
  const readers = endsOf(v, decided)
  const [root] = readers?.ends ?? []
  return readers?.isAlong && readers.ends.size === 1 && root ? root : null
}

/** The stored elementwise values for which `v` is read, and whether that is element by element; null where others read it too. */
function endsOf(v: Value, { uses, stored }: Stored): { ends: ReadonlySet<Value>; isAlong: boolean } | null {
  const ends = new Set<Value>()
  const seen = new Set<Value>()
  const stack = [v]
  let isAlong = true
  for (let at = stack.pop(); at; at = stack.pop()) {
    for (const { node, arg } of uses.get(at) ?? []) {
      const [out] = node.outputs
      if (node.op.kind !== 'map' || !out) return null
      isAlong &&= isAligned(node, arg)
      if (stored.has(out)) ends.add(out)
      else if (!seen.has(out)) {
        seen.add(out)
        stack.push(out)
      }
    }
  }
  return { ends, isAlong }
}
