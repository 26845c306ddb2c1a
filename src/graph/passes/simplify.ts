import { sameShape } from '../../shape.ts'
import { constantOf, constantOp, wrapped } from '../constant.ts'
import { collect, type GraphProgram } from '../program.ts'
import type { Effect } from '../trace.ts'
import { Node, type Value } from '../value.ts'
import { baseOf } from './uses.ts'

/**
 * Folds constants, drops operations that change nothing, and computes common subexpressions once. Nodes that nothing needs fall
 * away because the program is collected anew from its outputs and effects.
 */
export function simplify(program: GraphProgram): GraphProgram {
  const replaced = new Map<Value, Value>()
  const known = new Map<string, Node>()
  const mutated = new Map<Node, Node>()
  const now = (value: Value): Value => replaced.get(value) ?? value

  for (const node of program.nodes) {
    const all = node.inputs.map(now)
    // What only gives a shape depends on its first input alone, and a reshape of a reshape is one of what lies below both.
    const inputs = node.op.kind === 'map' && node.op.alias ? [baseOf(all[0] as Value)] : all
    const simple = node.op.kind === 'map' ? simpler(node, inputs) : null
    if (simple) {
      replaced.set(node.outputs[0] as Value, simple)
      continue
    }
    const changed = inputs.length < node.inputs.length || inputs.some((v, i) => v !== node.inputs[i])
    const fresh = changed ? rebuilt(node, inputs) : node
    if (node.outputs.length > 0) {
      const key = `${node.op.name}|${JSON.stringify(node.attrs)}|${inputs.map((v) => v.id).join()}`
      const twin = known.get(key)
      if (twin) {
        node.outputs.forEach((o, i) => {
          replaced.set(o, twin.outputs[i] as Value)
        })
        continue
      }
      known.set(key, fresh)
    }
    if (changed) {
      node.outputs.forEach((o, i) => {
        replaced.set(o, fresh.outputs[i] as Value)
      })
    }
    if (node.outputs.length === 0 && changed) mutated.set(node, fresh)
  }

  const effects = program.effects.map((e): Effect => {
    if (e.kind === 'assign') return { ...e, value: now(e.value) }
    return { ...e, node: mutated.get(e.node) ?? e.node }
  })
  return collect(program.device, program.outputs.map(now), effects)
}

function rebuilt(node: Node, inputs: readonly Value[]): Node {
  const fresh = new Node(node.device, node.op, node.attrs, inputs, node.outputs, node.site, node.payload)
  fresh.isGradient = node.isGradient
  return fresh
}

/** An equal value that costs less, or null. */
function simpler(node: Node, inputs: readonly Value[]): Value | null {
  const { op } = node
  if (op.kind !== 'map') return null
  const output = node.outputs[0] as Value
  const constants = inputs.map(constantOf)
  const kept = op.neutral?.(constants, node.attrs as never) ?? null
  const input = kept === null ? undefined : inputs[kept]
  if (input && input.dtype === output.dtype && sameShape(input.shape, output.shape)) return input
  const source = constants[0]
  if (op.moves && source !== null && source !== undefined) return constant(node, source)
  if (op.fold && constants.length > 0 && constants.every((c) => c !== null)) {
    const value = op.fold(constants as number[], node.attrs as never)
    const { dtype } = output
    // Beyond 2^53 a product has lost the bits that 32-bit arithmetic keeps.
    if (dtype === 'i32' || dtype === 'u32')
      return Number.isSafeInteger(value) ? constant(node, wrapped(value, dtype)) : null
    if (Number.isFinite(Math.fround(value))) return constant(node, value)
  }
  return null
}

function constant(like: Node, value: number): Value {
  const { shape, dtype } = like.outputs[0] as Value
  const attrs = { shape, dtype, value }
  return new Node(like.device, constantOp, attrs, [], [{ shape, dtype }], like.site).outputs[0] as Value
}
