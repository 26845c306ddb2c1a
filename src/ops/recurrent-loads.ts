import type { KernelCall } from '../graph/op.ts'
import type { Tensor } from '../graph/tensor.ts'
import { numel } from '../shape.ts'
import { cast } from './elementwise.ts'
import { concat } from './movement.ts'
import { reshape } from './reshape.ts'

/** What the kernels of a layer are given through loads, beside what they bind themselves. */
export type Given = 'bias' | 'state' | 'lengths' | 'dy' | 'dlast'

/** Where values lie that share a buffer, by name: the first element of each. */
export type Offsets = Readonly<Partial<Record<Given, number>>>

/** A load of the input of this name, which may lie in `more`; empty where the op does not have it. */
export function loadsOf(
  inputs: readonly string[],
  wanted: readonly (Given | 'x')[],
  offsets: Offsets,
): { readonly params: Record<string, string>; readonly loads: NonNullable<KernelCall['loads']> } {
  const loads: Record<string, { readonly input: number; readonly name: string }> = {}
  const params: Record<string, string> = {}
  const load = (input: string, param: string, name: string): void => {
    if (inputs.includes(input)) loads[param] = { input: inputs.indexOf(input), name }
    else params[param] = ''
  }
  load('more', 'LOAD_MORE', 'load_more')
  for (const name of wanted) {
    const [param, fn] =
      name === 'lengths' ? ['LOAD_LENGTHS', 'load_length'] : [`LOAD_${name.toUpperCase()}`, `load_${name}`]
    const offset = name === 'x' ? undefined : offsets[name]
    if (offset === undefined) load(name, param, fn)
    else {
      const element = `load_more(i + ${offset}u)`
      params[param] =
        name === 'lengths'
          ? `fn ${fn}(i: u32) -> i32 { return i32(${element}); }`
          : `fn ${fn}(i: u32) -> f32 { return ${element}; }`
    }
  }
  return { params, loads }
}

/** Values end to end in one buffer, numbers in f32. */
export function together(tensors: readonly Tensor[]): Tensor {
  return concat(tensors.map((t) => reshape(t.dtype === 'f32' ? t : cast(t, 'f32'), [numel(t.shape)])))
}

/** Where each value begins that lies in one buffer, by its number of elements. */
export function offsetsOf(sizes: readonly (readonly [Given, number])[]): Offsets {
  let at = 0
  const entries = sizes.map(([name, size]) => {
    at += size
    return [name, at - size] as const
  })
  return Object.fromEntries(entries)
}
