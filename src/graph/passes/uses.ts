import { type GraphProgram, isLeaf } from '../program.ts'
import type { Node, Value } from '../value.ts'

/** One reading of a value: by which node, and as which of its inputs. */
export interface Use {
  readonly node: Node
  readonly arg: number
}

/** Who reads each value. */
export type Uses = ReadonlyMap<Value, readonly Use[]>

/** The value whose buffer holds `value`: reshapes are followed to what they reshape. */
export function baseOf(value: Value): Value {
  let v = value
  while (!isLeaf(v) && v.node.op.kind === 'map' && v.node.op.alias) v = v.node.inputs[0] as Value
  return v
}

/** Who reads each value of a program. */
export function usesOf(program: GraphProgram): Uses {
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
export function effectiveUses(v: Value, uses: Uses): Use[] {
  return (uses.get(v) ?? []).flatMap((u) =>
    u.node.op.kind === 'map' && u.node.op.alias ? effectiveUses(u.node.outputs[0] as Value, uses) : [u],
  )
}

/** True where the node's output reads its input `arg` element by element. */
export function isAligned({ op, inputs, outputs, attrs }: Node, arg: number): boolean {
  return op.kind === 'map' && (op.alias || op.aligned(arg, inputs, outputs[0] as Value, attrs as never))
}

/** The buffers that computing from `inputs` reads, looking through what is inlined. */
export function readsOf(inputs: readonly Value[], inlined: (v: Value) => boolean): Set<Value> {
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
