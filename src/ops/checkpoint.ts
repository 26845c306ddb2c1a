import { grad } from '../autograd.ts'
import { fail } from '../errors.ts'
import type { MapOp } from '../graph/op.ts'
import { call1, inReverse, Tensor } from '../graph/tensor.ts'
import { activeTrace } from '../graph/trace.ts'
import { Node, type Spec, type Value } from '../graph/value.ts'
import { randomPlace, withRandomPlace } from './random.ts'

/** x, but not before `token` is there: keeps work that is done again from being done too early. */
export const afterOp: MapOp<'x' | 'token'> = {
  kind: 'map',
  name: 'after',
  inputs: ['x', 'token'],
  infer: ([x]) => [x as Spec],
  emit: (w, i) => w.load(0, i),
  flops: () => 0,
  aligned: () => true,
  awaits: ['token'],
  backward: ({ grad: g }) => ({ x: () => g, token: null }),
  saves: [],
}

/** What `value` was computed from by nodes made since `since`: values from before, and leaves, that record gradients. */
function boundary(value: Value, since: number, inputs: ReadonlySet<Value>): Value[] {
  const found = new Set<Value>()
  const seen = new Set<Node>()
  const stack = [value]
  for (let v = stack.pop(); v; v = stack.pop()) {
    if (!v.node.requiresGrad || inputs.has(v)) continue
    if (v.node.id < since || v.node.inputs.length === 0) found.add(v)
    else if (!seen.has(v.node)) {
      seen.add(v.node)
      stack.push(...v.node.inputs)
    }
  }
  return [...found]
}

/**
 * Calls `fn`, a function of tensors to a tensor, and keeps nothing of what it computes in between: the gradient computes it again
 * (Chen et al. 2016, "Training deep nets with sublinear memory cost"). Trades time for memory; the numbers are the same. Parameters that
 * `fn` uses get their gradients as usual. `fn` must not change state, as BatchNorm does in training.
 */
export function checkpoint<Inputs extends readonly Tensor[]>(
  fn: (...inputs: Inputs) => Tensor,
  ...inputs: Inputs
): Tensor {
  const trace = activeTrace()
  const effects = trace?.effects.length ?? 0
  const since = Node.count
  const device = inputs[0]?.device ?? fail('checkpoint', 'there are no inputs', 'give fn at least one tensor')
  const place = randomPlace(device)
  const y = fn(...inputs)
  if ((trace?.effects.length ?? 0) > effects) {
    fail(
      'checkpoint',
      'the function changes state, which would happen twice',
      'leave modules such as BatchNorm in training outside',
    )
  }
  if (!y.requiresGrad) return y
  const given = inputs.map((t) => t.value)
  const used = boundary(y.value, since, new Set(given)).map((v) => new Tensor(v))

  const op: MapOp<'y'> = {
    kind: 'map',
    name: 'checkpoint',
    inputs: ['y'],
    variadic: true,
    infer: ([spec]) => [spec as Spec],
    emit: (w, i) => w.load(0, i),
    flops: () => 0,
    aligned: () => true,
    alias: true,
    saves: [],
    backward: ({ grad: g }) => {
      const { again, recomputed } = inReverse(false, () => {
        const inputs = given.map((v) => call1(afterOp, [new Tensor(v), g]))
        return {
          again: inputs,
          recomputed: withRandomPlace(device, place, () => fn(...(inputs as unknown as Inputs))),
        }
      })
      const wanted = [...again.filter((t) => t.requiresGrad), ...used]
      const grads = grad(recomputed, wanted, g)
      let next = 0
      const rules = [...again.map((t) => (t.requiresGrad ? grads[next++] : undefined)), ...grads.slice(next)]
      return [null, ...rules.map((r) => (r ? (): Tensor => r : null))]
    },
  }
  return call1(op, [y, ...inputs, ...used])
}
