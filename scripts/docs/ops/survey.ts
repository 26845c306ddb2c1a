import { type DType, isFloat } from '../../../src/dtype.ts'
import { Tensor } from '../../../src/graph/tensor.ts'
import type { Node, Value } from '../../../src/graph/value.ts'
import { zerosLike } from '../../../src/ops/arithmetic.ts'

/** Which inputs of a node get a gradient by its op's rules. */
function ruled(node: Node): readonly boolean[] {
  const { op } = node
  if (op.kind === 'leaf' || op.backward === null) return node.inputs.map(() => false)
  const inputs = node.inputs.map((value) => new Tensor(value))
  const outs = node.outputs.map((value) => new Tensor(value))
  const grads = outs.map((out) => zerosLike(out))
  const rules = op.backward({
    in: Object.fromEntries(op.inputs.map((name, i) => [name, inputs[i] as Tensor])),
    all: inputs,
    out: outs[0] as Tensor,
    outs,
    grad: grads[0] as Tensor,
    grads,
    attrs: node.attrs as never,
  })
  const list = Array.isArray(rules)
    ? (rules as readonly unknown[])
    : op.inputs.map((name) => (rules as Readonly<Record<string, unknown>>)[name])
  return node.inputs.map((input, i) => isFloat(input.dtype) && typeof list[i] === 'function')
}

/** What was seen of one op in the graphs of all checks. */
export interface Seen {
  readonly gradient: boolean[]
  readonly dtypes: Set<DType>[]
  readonly checks: Set<string>
}

/** What the graphs of the checks are made of, by name of the op. */
export class Survey {
  readonly ops = new Map<string, Seen>()
  private readonly rules = new Map<Node, readonly boolean[]>()

  /** Walks from `outputs` down; answers with the values that a gradient reaches. */
  walk(outputs: readonly Value[], check: string): ReadonlySet<Value> {
    const reached = new Set<Value>(outputs)
    const nodes = orderOf(outputs)
    for (const node of nodes) {
      if (node.op.kind === 'leaf') continue
      const gradient = this.rulesOf(node)
      this.note(node, gradient, check)
      if (!node.outputs.some((value) => reached.has(value))) continue
      node.inputs.forEach((value, i) => {
        if (gradient[i]) reached.add(value)
      })
    }
    return reached
  }

  private rulesOf(node: Node): readonly boolean[] {
    const known = this.rules.get(node)
    if (known) return known
    const found = ruled(node)
    this.rules.set(node, found)
    return found
  }

  private note(node: Node, gradient: readonly boolean[], check: string): void {
    const seen = this.ops.get(node.op.name) ?? { gradient: [], dtypes: [], checks: new Set<string>() }
    this.ops.set(node.op.name, seen)
    gradient.forEach((has, i) => {
      seen.gradient[i] = (seen.gradient[i] ?? false) || has
    })
    node.inputs.forEach((input, i) => {
      seen.dtypes[i] = (seen.dtypes[i] ?? new Set()).add(input.dtype)
    })
    seen.checks.add(check)
  }
}

/** The nodes behind `outputs`, each before those that it reads. */
function orderOf(outputs: readonly Value[]): Node[] {
  const done = new Set<Node>()
  const order: Node[] = []
  const visit = (node: Node): void => {
    if (done.has(node)) return
    done.add(node)
    for (const input of node.inputs) visit(input.node)
    order.push(node)
  }
  for (const output of outputs) visit(output.node)
  return order.reverse()
}
