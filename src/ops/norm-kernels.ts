import type { DeviceTraits, KernelCall, Operand, Variant } from '../graph/op.ts'
import { alsoReading, alsoWriting } from './parts.ts'
import { type Accumulator, reduceVariants } from './reduce-kernels.ts'

/** Count, mean and sum of squared distances from it; two of them meet by Chan, Golub and LeVeque (1979). */
function momentsOf(count: number, eps: number, ofParts = false): Accumulator {
  const lift = ofParts
    ? 'fn lift(v: Acc, r: u32) -> Acc { return v; }'
    : 'fn lift(v: f32, r: u32) -> Acc { return Acc(1.0, v, 0.0); }'
  return {
    code: `alias Acc = vec3<f32>;
fn identity() -> Acc { return Acc(0.0, 0.0, 0.0); }
${lift}
fn combine(a: Acc, b: Acc) -> Acc {
  let count = a.x + b.x;
  let share = b.x / max(count, 1.0);
  let distance = b.y - a.y;
  return Acc(count, a.y + distance * share, a.z + b.z + distance * distance * a.x * share);
}
fn finish(a: Acc) -> vec3<f32> {
  let variance = a.z / f32(${count}u);
  return vec3<f32>(a.y, inverseSqrt(variance + f32(${eps.toExponential()})), variance);
}`,
    bytes: 16,
    flops: 9,
  }
}

/** Two sums at once: of a, and of a * b. */
const sums: Accumulator = {
  code: `alias Acc = vec2<f32>;
fn identity() -> Acc { return Acc(0.0, 0.0); }
fn lift(v: vec2<f32>, r: u32) -> Acc { return v; }
fn combine(a: Acc, b: Acc) -> Acc { return a + b; }
fn finish(a: Acc) -> vec2<f32> { return a; }`,
  bytes: 8,
  flops: 3,
}

const loadPair = `fn load_x(i: u32) -> vec2<f32> {
  let a = load_a(i);
  return vec2<f32>(a, a * load_b(i));
}`

/** The calls of a reduction that stores its result, a vector, by components to outputs of these names, from number `from` on. */
function storedApart(calls: readonly KernelCall[], names: readonly string[], from = 0): KernelCall[] {
  return calls.map((call): KernelCall => {
    if (!call.epilogue) return call
    const { kernel } = call
    const first = kernel.bindings.length
    const declared = names.map(
      (name, k) => `@group(0) @binding(${first + k}) var<storage, read_write> ${name}: array<f32>;`,
    )
    const stores = names.map((name, k) => `  ${name}[i] = value[${k}];`)
    const store = `fn store_y(i: u32, value: vec${names.length}<f32>) {\n${stores.join('\n')}\n}`
    return {
      ...call,
      kernel: {
        ...kernel,
        bindings: [...kernel.bindings, ...names.map((name) => ({ name, access: 'read_write' as const }))],
      },
      params: { ...call.params, EPILOGUE_DECLS: [...declared, store].join('\n') },
      bindings: { ...call.bindings, ...Object.fromEntries(names.map((name, k) => [name, { output: from + k }])) },
      epilogue: false,
    }
  })
}

/** The variants with their dispatches changed by `change`. */
function adapted(variants: readonly Variant[], change: (calls: readonly KernelCall[]) => KernelCall[]): Variant[] {
  return variants.map(({ name, calls }) => ({ name, calls: () => change(calls()) }))
}

const momentNames = ['means', 'rstds', 'variances']

/** The ways to find mean, 1 / sqrt(variance + eps) and variance of input 0 over axes. */
export function momentsVariants(
  shape: readonly number[],
  axes: readonly number[],
  count: number,
  eps: number,
  device: DeviceTraits,
): Variant[] {
  return adapted(reduceVariants(shape, axes, momentsOf(count, eps), device), (calls) => storedApart(calls, momentNames))
}

/** A matrix [count, columns] that a kernel writes in tiles of rows. */
interface Tiled {
  readonly count: number
  readonly columns: number
  readonly tiles: number
}

/**
 * The call of a kernel that writes, with MOMENTS, number, mean and sum of squared distances from it of each tile and column to `moments`
 * [tiles, columns, 4], and the calls that find from these mean, 1 / sqrt(variance + eps) and variance of each column, as outputs 1 to 3.
 */
export function withMomentsOf(
  call: KernelCall,
  { count, columns, tiles }: Tiled,
  eps: number,
  device: DeviceTraits,
): KernelCall[] {
  const moments: Operand = { temp: 'moments', bytes: 16 * tiles * columns }
  const writes: KernelCall = {
    ...call,
    kernel: alsoWriting(call.kernel, 'moments'),
    params: { ...call.params, MOMENTS: true },
    bindings: { ...call.bindings, moments },
  }
  const [first] = reduceVariants([tiles, columns], [0], momentsOf(count, eps, true), device)
  const combined = (first as Variant).calls().map(({ loads, ...reduces }): KernelCall => {
    if (!loads) return reduces
    const load = `@group(0) @binding(${reduces.kernel.bindings.length}) var<storage, read> moments: array<vec4<f32>>;
fn load_x(i: u32) -> vec3<f32> { return moments[i].xyz; }`
    return {
      ...reduces,
      kernel: alsoReading(reduces.kernel, 'moments'),
      params: { ...reduces.params, LOAD_X: load },
      bindings: { ...reduces.bindings, moments },
      bytes: moments.bytes,
    }
  })
  return [writes, ...storedApart(combined, momentNames, 1)]
}

/** The ways to sum input 0, and input 0 times input 1, over axes. */
export function pairSumsVariants(shape: readonly number[], axes: readonly number[], device: DeviceTraits): Variant[] {
  const loads = { LOAD_X: { input: 0, name: 'load_a' }, LOAD_MORE: { input: 1, name: 'load_b' } }
  return adapted(reduceVariants(shape, axes, sums, device), (calls) => {
    const paired = calls.map(
      (call): KernelCall =>
        call.loads ? { ...call, loads, params: { ...call.params, ACC: `${sums.code}\n${loadPair}` } } : call,
    )
    return storedApart(paired, ['sums', 'products'])
  })
}
