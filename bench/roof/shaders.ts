/** A kernel that does nothing but what it measures. */
export interface RoofKernel {
  readonly name: string
  readonly code: string
  /** Bytes of the buffers at its bindings. */
  readonly buffers: readonly number[]
  /** FLOPs or bytes of one workgroup. */
  readonly work: number
  /** Workgroups of a dispatch: as many, or from as many on up to `mostGroups` until a dispatch is long enough. */
  readonly groups: number
  readonly mostGroups: number
}

/** Multiply-adds in registers, in one of the forms that compilers and machines like. */
export interface FmaForm {
  readonly type: 'f32' | 'vec4f'
  /** Values of a thread that do not depend on each other, so that no multiplication waits for the one before it. */
  readonly chains: number
  /** Multiply-adds of a chain in one turn of the loop, whose own cost is to be nothing beside them. */
  readonly unrolled: number
  readonly product: string
}

/**
 * Ten or twelve scalars fill 16 vector registers without a spill, vectors of four suit machines that issue them as one;
 * which of `fma` and `* +` becomes one instruction is the compiler's affair.
 */
export const fmaForms: readonly FmaForm[] = [
  { type: 'f32', chains: 10, unrolled: 16, product: 'fma(v, m, c)' },
  { type: 'f32', chains: 12, unrolled: 16, product: 'v * m + c' },
  { type: 'vec4f', chains: 8, unrolled: 8, product: 'fma(v, m, c)' },
]

/** Sizes of the buffers: in a cache, at its edge, and beyond it. */
export const bufferBytes: readonly number[] = [2 ** 20, 2 ** 23, 2 ** 26]

const fmaThreads = 64
const fmaMostGroups = 16384
const flopsOfThread = 2 ** 15
const copyThreads = 256

function lines(count: number, line: (i: number) => string): string {
  return Array.from({ length: count }, (_, i) => line(i)).join('\n')
}

/** The kernel of a form. */
export function fmaKernel({ type, chains, unrolled, product }: FmaForm): RoofKernel {
  const width = type === 'f32' ? 1 : 4
  const turns = Math.ceil(flopsOfThread / (2 * width * chains * unrolled))
  const step = lines(chains, (i) => `a${i} = ${product.replace('v', `a${i}`)};`)
  const code = /* wgsl */ `
    @group(0) @binding(0) var<storage, read_write> y: array<${type}>;
    @compute @workgroup_size(${fmaThreads})
    fn main(@builtin(global_invocation_id) id: vec3u) {
      let m = y[0] + 0.99;
      let c = y[1] + 0.01;
      ${lines(chains, (i) => `var a${i} = ${type}(f32(id.x + ${i}u) * 1e-6);`)}
      for (var t = 0u; t < ${turns}u; t++) {
        ${lines(unrolled, () => step)}
      }
      y[id.x + 2u] = ${Array.from({ length: chains }, (_, i) => `a${i}`).join(' + ')};
    }`
  return {
    name: `${type} x ${chains}, ${product}`,
    code,
    buffers: [4 * width * (fmaThreads * fmaMostGroups + 2)],
    work: 2 * width * chains * unrolled * turns * fmaThreads,
    groups: 16,
    mostGroups: fmaMostGroups,
  }
}

export const trafficKinds = ['copy', 'read', 'write'] as const
export type TrafficKind = (typeof trafficKinds)[number]

/** Each kind of traffic with its body and the vectors of four that a thread reads and writes. */
const traffic: Readonly<Record<TrafficKind, { body: string; reads: number; writes: number }>> = {
  copy: { body: lines(4, (i) => `y[at(${i}u)] = x[at(${i}u)];`), reads: 4, writes: 4 },
  read: {
    body: `y[id.x] = ${Array.from({ length: 8 }, (_, i) => `x[at(${i}u)]`).join(' + ')};`,
    reads: 8,
    writes: 1,
  },
  write: { body: lines(4, (i) => `y[at(${i}u)] = vec4f(f32(id.x + 1u));`), reads: 0, writes: 4 },
}

/** The kernel that moves buffers of so many bytes. */
export function trafficKernel(kind: TrafficKind, bytes: number): RoofKernel {
  const { body, reads, writes } = traffic[kind]
  const vectors = Math.max(reads, writes)
  const code = /* wgsl */ `
    @group(0) @binding(0) var<storage, read_write> y: array<vec4f>;
    ${reads > 0 ? '@group(0) @binding(1) var<storage, read> x: array<vec4f>;' : ''}
    var<private> first: u32;
    fn at(i: u32) -> u32 { return first + i * ${copyThreads}u; }
    @compute @workgroup_size(${copyThreads})
    fn main(
      @builtin(global_invocation_id) id: vec3u,
      @builtin(local_invocation_index) thread: u32,
      @builtin(workgroup_id) group: vec3u,
    ) {
      first = group.x * ${vectors * copyThreads}u + thread;
      ${body}
    }`
  const groups = bytes / (16 * vectors * copyThreads)
  return {
    name: `${kind} ${bytes / 2 ** 20} MiB`,
    code,
    buffers: reads > 0 ? [bytes, bytes] : [bytes],
    work: 16 * (reads + writes) * copyThreads,
    groups,
    mostGroups: groups,
  }
}
