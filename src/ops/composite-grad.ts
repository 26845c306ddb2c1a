import { grad } from '../autograd.ts'
import { type Tensor, tensor } from '../graph/tensor.ts'
import { add, mul } from './arithmetic.ts'
import { sum } from './reduce.ts'

/**
 * The gradients of a fused op by its composite: those of the sum of products of `composite(inputs)` with `grads`, one for each input.
 * What an input was made of is not looked at, also where one was made of another.
 */
export function gradByComposite(
  inputs: readonly Tensor[],
  grads: readonly (Tensor | null)[],
  composite: (inputs: readonly Tensor[]) => readonly Tensor[],
): () => (Tensor | null)[] {
  let made: (Tensor | null)[] | null = null
  return () => {
    if (made) return made
    const given = inputs.map((t) => mul(t, 1))
    const products = composite(given).flatMap((y, i) => (grads[i] ? [sum(mul(y, grads[i]))] : []))
    const wanted = given.filter((t) => t.requiresGrad)
    const total = products.reduce((a, b) => add(a, b), tensor(0, { device: (inputs[0] as Tensor).device }))
    const found = products.length > 0 && wanted.length > 0 ? grad(total, wanted) : []
    made = given.map((t) => found[wanted.indexOf(t)] ?? null)
    return made
  }
}
