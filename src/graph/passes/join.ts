import type { DeviceTraits } from '../op.ts'
import { collect, type GraphProgram, isLeaf } from '../program.ts'
import type { Effect } from '../trace.ts'
import { Node, type Value } from '../value.ts'
import { baseOf } from './uses.ts'

/** A kernel node, the attributes under which it also gives the sums, and its place among the nodes. */
interface Host {
  readonly node: Node
  /** What it sums. */
  readonly matrix: Value
  readonly at: number
  readonly attrs: Node['attrs']
}

/**
 * Lets kernels that read all of a matrix also give its sums over the rows: what a weight's gradient reads is summed for the bias. The two
 * become one node at the place of the earlier, if all that it reads is there by then.
 */
export function joinSums(program: GraphProgram): GraphProgram {
  const { nodes } = program
  const place = new Map(nodes.map((node, i) => [node, i]))
  const mapped = new Set(nodes.flatMap(({ op, inputs }) => (op.kind === 'map' && !op.alias ? inputs.map(baseOf) : [])))
  const hosts = new Map<Value, Host>()
  nodes.forEach((node, at) => {
    const { op, inputs, outputs } = node
    // What is made of the product at once joins its kernel instead.
    if (op.kind !== 'kernel' || !op.withSums || mapped.has(outputs[0] as Value)) return
    const attrs = op.withSums(inputs, node.attrs as never)
    const matrix = inputs[op.summed ?? 0] as Value
    if (attrs && !hosts.has(baseOf(matrix))) hosts.set(baseOf(matrix), { node, matrix, at, attrs })
  })

  const joined = new Map<Node, Joined>()
  const gone = new Set<Node>()
  nodes.forEach((sum, at) => {
    const [x] = sum.inputs
    const host = sum.op.name === 'sum' && x ? hosts.get(baseOf(x)) : undefined
    if (!x || !host || !isOverRows(sum, x, host.matrix.shape)) return
    const early = Math.min(at, host.at)
    if (!host.node.inputs.every((v) => (place.get(v.node) ?? -1) < early)) return
    hosts.delete(baseOf(x))
    joined.set(nodes[early] as Node, { host: host.node, attrs: host.attrs, more: sum.outputs })
    gone.add(nodes[Math.max(at, host.at)] as Node)
  })
  return merged(program, joined, gone)
}

/**
 * Lets kernels that make a matrix also give its moments over the rows, which a norm in training needs: they are then taken before the
 * matrix is written, and it is not read for them. A bias in between moves the mean alone.
 */
export function joinMoments(program: GraphProgram, traits: DeviceTraits): GraphProgram {
  const joined = new Map<Node, Joined>()
  const gone = new Set<Node>()
  for (const node of program.nodes) {
    const [x] = node.inputs
    if (node.op.name !== 'moments' || !x) continue
    const bias = biasOf(baseOf(x).node)
    const made = baseOf(bias?.to ?? x)
    const { node: host } = made
    if (host.op.kind !== 'kernel' || made !== host.outputs[0] || joined.has(host)) continue
    if (!isOverRows(node, x, made.shape)) continue
    const attrs = host.op.withMoments?.(host.inputs, host.attrs as never, node.attrs.eps as number, traits)
    if (!attrs) continue
    joined.set(host, { host, attrs, more: node.outputs, ...(bias ? { bias } : {}) })
    gone.add(node)
  }
  return merged(program, joined, gone)
}

/** A kernel node that gets other attributes and more outputs. */
interface Joined {
  readonly host: Node
  readonly attrs: Node['attrs']
  readonly more: readonly Value[]
  /** What is added to the first of these outputs. */
  readonly bias?: Bias
}

/** A sum of a matrix with one number for each column. */
interface Bias {
  readonly sum: Node
  readonly to: Value
  readonly by: Value
}

function biasOf(sum: Node): Bias | null {
  const [a, b] = sum.inputs
  if (sum.op.name !== 'add' || !a || !b) return null
  const [to, by] = a.shape.length > b.shape.length ? [a, b] : [b, a]
  return isLeaf(by) && by.shape.length === 1 && by.shape[0] === to.shape[to.shape.length - 1] ? { sum, to, by } : null
}

/** The program with nodes that do the work of others too, each in the place of a node; those that are `gone` fall away. */
function merged(program: GraphProgram, joined: ReadonlyMap<Node, Joined>, gone: ReadonlySet<Node>): GraphProgram {
  if (joined.size === 0) return program
  const replaced = new Map<Value, Value>()
  const mutated = new Map<Node, Node>()
  const now = (v: Value): Value => replaced.get(v) ?? v
  for (const node of program.nodes) {
    const pair = joined.get(node)
    if (!pair && gone.has(node)) continue
    const { device, op, attrs, inputs, outputs, site, payload } = pair?.host ?? node
    const results = pair ? [...outputs, ...pair.more] : outputs
    if (!pair && inputs.every((v) => now(v) === v)) continue
    const fresh = new Node(device, op, pair?.attrs ?? attrs, inputs.map(now), results, site, payload)
    fresh.isGradient = node.isGradient
    mutated.set(node, fresh)
    results.forEach((v, i) => {
      replaced.set(v, fresh.outputs[i] as Value)
    })
    const [first] = pair?.more ?? []
    if (pair?.bias && first) {
      const { sum, by } = pair.bias
      const moved = new Node(device, sum.op, sum.attrs, [now(first), by], [first], sum.site)
      replaced.set(first, moved.outputs[0] as Value)
    }
  }
  const effects = program.effects.map((e): Effect => {
    if (e.kind === 'assign') return { ...e, value: now(e.value) }
    return { ...e, node: mutated.get(e.node) ?? e.node }
  })
  return collect(program.device, program.outputs.map(now), effects)
}

/** True for an f32 reduction of `x` over all axes but the last, where `x` is the matrix of this shape or a reshape of it. */
function isOverRows(reduction: Node, x: Value, matrix: readonly number[]): boolean {
  const last = x.shape.length - 1
  const axes = reduction.attrs.axes as readonly number[]
  return (
    reduction.outputs[0]?.dtype === 'f32' &&
    x.shape[last] === matrix[matrix.length - 1] &&
    axes.length === last &&
    axes.every((axis) => axis < last)
  )
}
