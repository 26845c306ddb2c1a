import { WgradError } from './errors.ts'
import { inReverse, Tensor } from './graph/tensor.ts'
import type { Node, Value } from './graph/value.ts'
import { add, zerosLike } from './ops/arithmetic.ts'
import { full } from './ops/elementwise.ts'
import { sumTo } from './ops/reduce.ts'
import { formatShape, sameShape } from './shape.ts'

/**
 * Gradients of a scalar (or of the product sum of `y` with `seed`) with respect to tensors, by the reverse walk. The
 * answer is made of ops like any other tensor, so gradients of gradients work. A tensor that `y` does not depend on
 * gets zeros.
 */
export function grad(y: Tensor, wrt: readonly Tensor[], seed?: Tensor): Tensor[] {
  if (!seed && y.size !== 1) {
    throw new WgradError(
      `grad: y is ${formatShape(y.shape)}; it must be a scalar, or a seed of its shape must be given`,
    )
  }
  if (seed && (seed.dtype !== y.dtype || !sameShape(seed.shape, y.shape))) {
    throw new WgradError(
      `grad: the seed is ${seed.dtype} ${formatShape(seed.shape)} and y is ${y.dtype} ${formatShape(y.shape)}; both must be equal`,
    )
  }
  const targets = wrt.map((t, i) => {
    if (!t.requiresGrad)
      throw new WgradError(
        `grad: tensor ${i} of wrt records no gradient; make it with tensor(data, { requiresGrad: true }), or use a parameter that is not frozen`,
      )
    return t.value
  })
  const { nodes, on } = dependents(y.value, targets)
  const gradients = new Map<Value, Tensor>()
  gradients.set(y.value, seed ?? full(y.shape, 1, y.dtype, y.device))

  inReverse(true, () => {
    for (const node of nodes.reverse()) {
      const grads = node.outputs.map((o) => gradients.get(o) ?? null)
      if (grads.every((g) => g === null)) continue
      const { op } = node
      if (op.backward === null) {
        throw new WgradError(`grad: ${op.name} has no gradient; detach its input, or use another op`)
      }
      const inputs = node.inputs.map((v) => new Tensor(v))
      const outs = node.outputs.map((o) => new Tensor(o))
      const rules = op.backward({
        in: Object.fromEntries(op.inputs.map((name, i) => [name, inputs[i] as Tensor])),
        all: inputs,
        out: outs[0] as Tensor,
        outs,
        grad: grads[0] ?? zerosLike(outs[0] as Tensor),
        grads,
        attrs: node.attrs as never,
      })
      const list = Array.isArray(rules)
        ? (rules as readonly ((() => Tensor) | null)[])
        : op.inputs.map((name) => (rules as Record<string, (() => Tensor) | null>)[name] ?? null)
      node.inputs.forEach((input, i) => {
        const rule = list[i]
        if (!rule || !on.has(input)) return
        const g = sumTo(rule(), input.shape)
        const before = gradients.get(input)
        gradients.set(input, before ? add(before, g) : g)
      })
    }
  })
  return targets.map((v, i) => gradients.get(v) ?? zerosLike(wrt[i] as Tensor))
}

/** Nodes between the targets and `y`, in an order in which they could run, and the values on those paths. */
function dependents(y: Value, targets: readonly Value[]): { nodes: Node[]; on: ReadonlySet<Value> } {
  const on = new Set<Value>(targets)
  const nodes: Node[] = []
  const seen = new Set<Node>()
  const stack: { node: Node; next: number }[] = []
  const push = (node: Node): void => {
    if (!seen.has(node)) {
      seen.add(node)
      stack.push({ node, next: 0 })
    }
  }
  if (y.node.requiresGrad) push(y.node)
  while (stack.length > 0) {
    const top = stack[stack.length - 1] as { node: Node; next: number }
    const input = top.node.inputs[top.next++]
    if (input !== undefined) {
      if (input.node.requiresGrad) push(input.node)
      continue
    }
    stack.pop()
    if (top.node.inputs.some((v) => on.has(v))) {
      for (const o of top.node.outputs) on.add(o)
      nodes.push(top.node)
    }
  }
  return { nodes, on }
}
