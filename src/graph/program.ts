import type { Device } from '../gpu/device.ts'
import type { Effect } from './trace.ts'
import type { Node, Value } from './value.ts'

/**
 * What a plan is made from: the values wanted, the effects, and every node they need in an order in which they could
 * run.
 */
export interface GraphProgram {
  readonly device: Device
  readonly outputs: readonly Value[]
  readonly effects: readonly Effect[]
  readonly nodes: readonly Node[]
}

/** Values that come from outside of the program. */
export function isLeaf(value: Value): boolean {
  return value.storage !== null || value.node.op.kind === 'leaf'
}

/** Gathers the nodes that outputs and effects need; leaves are not among them. */
export function collect(device: Device, outputs: readonly Value[], effects: readonly Effect[]): GraphProgram {
  const nodes: Node[] = []
  const seen = new Set<Node>()
  const stack: { node: Node; next: number }[] = []
  const visit = (node: Node): void => {
    if (seen.has(node)) return
    seen.add(node)
    stack.push({ node, next: 0 })
    while (stack.length > 0) {
      const top = stack[stack.length - 1] as { node: Node; next: number }
      const input = top.node.inputs[top.next++]
      if (input === undefined) {
        nodes.push(top.node)
        stack.pop()
      } else if (!isLeaf(input) && !seen.has(input.node)) {
        seen.add(input.node)
        stack.push({ node: input.node, next: 0 })
      }
    }
  }
  for (const value of outputs) if (!isLeaf(value)) visit(value.node)
  for (const effect of effects) {
    if (effect.kind === 'mutate') visit(effect.node)
    else if (!isLeaf(effect.value)) visit(effect.value.node)
  }
  return { device, outputs, effects, nodes }
}

/** The leaves of a program in the order of first use. */
export function leavesOf(program: GraphProgram): Value[] {
  const leaves = new Set<Value>()
  for (const node of program.nodes) for (const input of node.inputs) if (isLeaf(input)) leaves.add(input)
  for (const value of program.outputs) if (isLeaf(value)) leaves.add(value)
  for (const effect of program.effects) if (effect.kind === 'assign' && isLeaf(effect.value)) leaves.add(effect.value)
  return [...leaves]
}

/** One line for a node in which all that decides its work is written; equal lines mean equal work. */
export function nodeSignature(node: Node, nameOf: (value: Value) => string): string {
  const outs = node.outputs.map((o) => `${o.dtype}[${o.shape.join()}]`).join(' ')
  return `${node.op.name} ${JSON.stringify(node.attrs)} (${node.inputs.map(nameOf).join()}) -> ${outs}`
}
