import type { Roof } from './run/results.ts'

/** Vectors per thread that do not depend on each other, so that no multiplication waits for the one before it. */
const accumulators = 8
const iterations = 256
const fmaGroups = 1024

/** Sizes of the copied buffer: in a cache, at its edge, and beyond it. */
const copyBytes: readonly number[] = [2 ** 20, 2 ** 23, 2 ** 26]

/** Shortest time of a measurement in milliseconds: a browser's timestamps come in steps of 0.1 ms. */
const leastMs = 40
const repeats = 5
/** No repeat begins after this time. */
const longestMs = 1500

function fmaShader(product: string): string {
  const each = (line: (i: number) => string): string =>
    Array.from({ length: accumulators }, (_, i) => line(i)).join('\n')
  return /* wgsl */ `
    @group(0) @binding(0) var<storage, read_write> y: array<vec4f>;
    @compute @workgroup_size(64)
    fn main(@builtin(global_invocation_id) id: vec3u) {
      let m = y[0];
      let c = y[1];
      ${each((i) => `var a${i} = vec4f(f32(id.x + ${i}u) * 1e-6);`)}
      for (var t = 0u; t < ${iterations}u; t++) {
        ${each((i) => `a${i} = ${product.replace('v', `a${i}`)};`)}
      }
      y[id.x + 2u] = ${Array.from({ length: accumulators }, (_, i) => `a${i}`).join(' + ')};
    }`
}

const copyShader = /* wgsl */ `
  @group(0) @binding(0) var<storage, read> x: array<vec4f>;
  @group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
  @compute @workgroup_size(256)
  fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
    let i = id.y * groups.x * 256u + id.x;
    if (i < arrayLength(&y)) { y[i] = x[i]; }
  }`

interface Timed {
  readonly wallMs: number
  readonly gpuMs: number | null
}

/** Runs one kernel many times in a pass, more until it takes long enough; answers milliseconds for one. */
class Bench {
  readonly #device: GPUDevice
  readonly #timed: boolean

  constructor(device: GPUDevice) {
    this.#device = device
    this.#timed = device.features.has('timestamp-query')
  }

  async best(code: string, buffers: readonly GPUBuffer[], grid: readonly [number, number]): Promise<Timed> {
    const device = this.#device
    const module = device.createShaderModule({ code })
    const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module } })
    const group = device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
    })
    const once = (count: number): Promise<Timed> => this.#pass(pipeline, group, grid, count)
    let count = 1
    let timed = await once(count)
    while (timed.wallMs < leastMs && count < 1e5) {
      count = Math.max(count + 1, Math.min(10 * count, Math.ceil((1.3 * count * leastMs) / timed.wallMs)))
      timed = await once(count)
    }
    const all = [timed]
    const started = performance.now()
    for (let i = 1; i < repeats && performance.now() - started < longestMs; i++) all.push(await once(count))
    const least = (pick: (t: Timed) => number | null): number =>
      Math.min(...all.map((t) => pick(t) ?? Number.NaN)) / count
    return { wallMs: least((t) => t.wallMs), gpuMs: this.#timed ? least((t) => t.gpuMs) : null }
  }

  async #pass(
    pipeline: GPUComputePipeline,
    group: GPUBindGroup,
    grid: readonly [number, number],
    count: number,
  ): Promise<Timed> {
    const device = this.#device
    const query = this.#timed ? device.createQuerySet({ type: 'timestamp', count: 2 }) : null
    const encoder = device.createCommandEncoder()
    const pass = encoder.beginComputePass(
      query ? { timestampWrites: { querySet: query, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 } } : {},
    )
    pass.setPipeline(pipeline)
    pass.setBindGroup(0, group)
    for (let i = 0; i < count; i++) pass.dispatchWorkgroups(...grid)
    pass.end()
    const start = performance.now()
    device.queue.submit([encoder.finish()])
    await device.queue.onSubmittedWorkDone()
    const wallMs = performance.now() - start
    if (!query) return { wallMs, gpuMs: null }
    const ticks = await this.#read(query)
    query.destroy()
    return { wallMs, gpuMs: Number((ticks[1] as bigint) - (ticks[0] as bigint)) / 1e6 }
  }

  async #read(query: GPUQuerySet): Promise<BigUint64Array> {
    const device = this.#device
    const resolved = device.createBuffer({ size: 16, usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC })
    const staging = device.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST })
    const encoder = device.createCommandEncoder()
    encoder.resolveQuerySet(query, 0, 2, resolved, 0)
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, 16)
    device.queue.submit([encoder.finish()])
    await staging.mapAsync(GPUMapMode.READ)
    const ticks = new BigUint64Array(staging.getMappedRange().slice(0))
    staging.destroy()
    resolved.destroy()
    return ticks
  }
}

/**
 * What the adapter does at most: multiplications and additions from registers, and copies of buffers of several sizes.
 * Each is the best of up to five measurements by the wall clock, with the GPU's own timestamps beside it where it has them.
 */
export async function measureRoof(gpu: GPU): Promise<Roof> {
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' })
  if (!adapter) throw new Error('bench: there is no adapter for the roof')
  const device = await adapter.requestDevice({
    requiredFeatures: adapter.features.has('timestamp-query') ? ['timestamp-query'] : [],
  })
  try {
    const bench = new Bench(device)
    const fma = await measureFma(device, bench)
    const copies: Roof['copies'][number][] = []
    for (const bytes of copyBytes) copies.push(await measureCopy(device, bench, bytes))
    return { clock: device.features.has('timestamp-query') ? 'timestamps' : 'wall', ...fma, copies }
  } finally {
    device.destroy()
  }
}

async function measureFma(device: GPUDevice, bench: Bench): Promise<Pick<Roof, 'gflops' | 'gflopsByTimestamps'>> {
  const threads = 64 * fmaGroups
  const y = device.createBuffer({ size: 16 * (threads + 2), usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST })
  device.queue.writeBuffer(y, 0, new Float32Array([0.99, 0.98, 0.97, 0.96, 0.01, 0.02, 0.03, 0.04]))
  const gflop = (2 * 4 * accumulators * iterations * threads) / 1e9
  // Which of the two becomes one instruction is the compiler's affair.
  const forms = ['fma(v, m, c)', 'v * m + c']
  const all: Timed[] = []
  for (const form of forms) all.push(await bench.best(fmaShader(form), [y], [fmaGroups, 1]))
  const wall = Math.min(...all.map((t) => t.wallMs))
  const gpu = Math.min(...all.map((t) => t.gpuMs ?? t.wallMs))
  return { gflops: (1000 * gflop) / wall, gflopsByTimestamps: (1000 * gflop) / gpu }
}

async function measureCopy(device: GPUDevice, bench: Bench, bytes: number): Promise<Roof['copies'][number]> {
  const make = (): GPUBuffer => device.createBuffer({ size: bytes, usage: GPUBufferUsage.STORAGE })
  const buffers = [make(), make()]
  const groups = bytes / 16 / 256
  const width = Math.min(groups, 32768)
  const { wallMs, gpuMs } = await bench.best(copyShader, buffers, [width, Math.ceil(groups / width)])
  for (const buffer of buffers) buffer.destroy()
  const moved = (2 * bytes) / 1e6
  return { bytes: 2 * bytes, gbps: moved / wallMs, gbpsByTimestamps: moved / (gpuMs ?? wallMs) }
}

/** The bandwidth that a kernel with so many bytes in sight can reach: that of the smallest copy of at least this size, or of a larger one. */
export function bandwidthFor(roof: Roof, bytes: number): number {
  const fitting = roof.copies.filter((copy) => copy.bytes >= bytes)
  const counted = fitting.length > 0 ? fitting : roof.copies.slice(-1)
  return Math.max(...counted.map(({ gbps, gbpsByTimestamps }) => Math.max(gbps, gbpsByTimestamps)))
}

/** Milliseconds that work takes at the nearer roof: none can take less. */
export function timeAtRoof(roof: Roof, { flops, bytes }: { flops: number; bytes: number }): number {
  const compute = flops / 1e6 / Math.max(roof.gflops, roof.gflopsByTimestamps)
  return Math.max(compute, bytes / 1e6 / bandwidthFor(roof, bytes))
}

/** Share of the nearer roof that a kernel reaches. */
export function shareOfRoof(roof: Roof, work: { flops: number; bytes: number; ms: number }): number {
  return timeAtRoof(roof, work) / work.ms
}
