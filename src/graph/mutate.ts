import type { KernelOp } from './op.ts'
import type { Tensor } from './tensor.ts'
import { activeTrace } from './trace.ts'
import { type Attrs, captureSite, Node } from './value.ts'
import type { Variable } from './variable.ts'

/**
 * Records a kernel that rewrites `state` in place as an effect of the active trace. Operand `{ state: n }` is its n-th
 * variable.
 */
export function mutate(op: KernelOp, inputs: readonly Tensor[], attrs: Attrs, state: readonly Variable[]): void {
  const trace = activeTrace()
  const [first] = state
  if (!trace || !first) throw new Error(`${op.name} must be called within runEffects and change something`)
  const values = inputs.map((t) => t.value)
  op.infer(values, attrs)
  trace.mutate(new Node(first.device, op, attrs, values, [], captureSite(mutate), state), state)
}
