import type { Parameter } from '../nn/parameter.ts'

/** Parameters with the weight decay they get. */
export interface DecayGroup {
  readonly params: readonly Parameter[]
  readonly weightDecay: number
}

/**
 * Two parameter groups: parameters of two axes and more decay, those of fewer (biases, weights of normalisations) do
 * not. A group without parameters is left out.
 */
export function decayGroups(params: readonly Parameter[], weightDecay: number): DecayGroup[] {
  const isMatrix = (p: Parameter): boolean => p.shape.length >= 2
  return [
    { params: params.filter(isMatrix), weightDecay },
    { params: params.filter((p) => !isMatrix(p)), weightDecay: 0 },
  ].filter((group) => group.params.length > 0)
}
