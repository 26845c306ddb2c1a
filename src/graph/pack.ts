import type { PackOp } from './op.ts'
import type { Spec } from './value.ts'
import { specBytes } from './value.ts'

type PackAttrs = { readonly offsets: readonly number[]; readonly elements: number }

/**
 * Lays tensors into one buffer at byte offsets. The kernels that make them write there directly wherever they can; gaps
 * hold zeros. This is what lets one dispatch read the gradients of all parameters.
 */
export const packOp: PackOp<'x', PackAttrs> = {
  kind: 'pack',
  name: 'pack',
  inputs: ['x'],
  variadic: true,
  infer: (_, { elements }) => [{ shape: [elements], dtype: 'f32' }],
  offsets: ({ offsets }) => offsets,
  backward: null,
  saves: [],
}

/** Byte offsets at which buffers of these specs may be bound one behind the other, and the bytes they take together. */
export function layOut(specs: readonly Spec[]): { offsets: number[]; bytes: number } {
  let bytes = 0
  const offsets = specs.map((s) => {
    const at = bytes
    bytes += Math.ceil(specBytes(s) / 256) * 256
    return at
  })
  return { offsets, bytes: Math.max(256, bytes) }
}
