import type { Kernel } from '../gpu/kernel.ts'
import type { KernelCall } from '../graph/op.ts'
import type { TiledCall } from './matmul-kernels.ts'

/** The kernel with one more buffer that it writes. */
export function alsoWriting(kernel: Kernel, name: string): Kernel {
  return { ...kernel, bindings: [...kernel.bindings, { name, access: 'read_write' }] }
}

/** The kernel with one more buffer that it reads. */
export function alsoReading(kernel: Kernel, name: string): Kernel {
  return { ...kernel, bindings: [...kernel.bindings, { name, access: 'read' }] }
}

/** WGSL of `store_y` for a kernel whose result goes to a buffer of its own. */
export function storeTo(name: string, binding: number): string {
  return `@group(0) @binding(${binding}) var<storage, read_write> ${name}: array<f32>;
fn store_y(i: u32, value: f32) {
  ${name}[i] = value;
}`
}

/** A call whose result goes to a buffer of its own, which it binds as `parts`. */
export function intoParts({ kernel, params, grid }: TiledCall): Pick<KernelCall, 'kernel' | 'params' | 'grid'> {
  return {
    kernel: alsoWriting(kernel, 'parts'),
    params: { ...params, EPILOGUE_DECLS: storeTo('parts', kernel.bindings.length) },
    grid,
  }
}

/** How reduce/partials.wgsl adds up parts of a sum, in order. */
export const sumOfParts = `alias Acc = f32;
fn identity() -> Acc { return 0.0; }
fn combine(a: Acc, b: Acc) -> Acc { return a + b; }
fn finish(a: Acc) -> f32 { return a; }`
