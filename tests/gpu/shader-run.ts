import { expect } from 'vitest'
import { renderTemplate } from '../../src/gpu/template.ts'
import type { DeviceTraits } from '../../src/graph/op.ts'
import type { TiledCall } from '../../src/ops/matmul-kernels.ts'

/** What lowering is told of a device with the default limits and subgroups. */
export function traitsFor(software: boolean): DeviceTraits {
  const limits = { maxBuffers: 8, maxBindingBytes: 2 ** 27, maxWorkgroupBytes: 16384, maxInvocations: 256 }
  return { software, ...limits, quads: true }
}

let opened: Promise<GPUDevice> | undefined

async function openTestDevice(): Promise<GPUDevice> {
  const adapter = await navigator.gpu.requestAdapter()
  if (adapter === null) throw new Error('no adapter')
  return adapter.requestDevice({ requiredFeatures: ['subgroups'] })
}

/** Numbers in [-0.5, 0.5), the same for the same seed. */
export function noise(length: number, seed: number): Float32Array<ArrayBuffer> {
  let state = seed
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state >>> 8) / 2 ** 24 - 0.5
  })
}

const GUARD = 8

/** Renders and dispatches a kernel whose output has `length` elements; answers the output and the milliseconds taken. */
export async function runShader(
  call: TiledCall,
  inputs: readonly Float32Array<ArrayBuffer>[],
  length: number,
  repeats = 1,
): Promise<{ values: Float32Array; milliseconds: number }> {
  opened ??= openTestDevice()
  const device = await opened
  const decls = `@group(0) @binding(${inputs.length}) var<storage, read_write> y: array<f32>;
fn store_y(i: u32, value: f32) {
  y[i] = value;
}`
  const types = call.kernel.bindings.flatMap(({ type }) => (type ? [[type, 'f32']] : []))
  const code = renderTemplate(call.kernel.template, {
    ...call.params,
    ...Object.fromEntries(types),
    EPILOGUE_DECLS: decls,
  })
  device.pushErrorScope('validation')
  const module = device.createShaderModule({ code })
  const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module } })
  // Unwritten elements stay NaN, and the guard after the output must stay so too.
  const canvas = new Float32Array(length + GUARD).fill(Number.NaN)
  const buffers = [...inputs, canvas].map((data) => {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC
    const buffer = device.createBuffer({ size: Math.max(16, data.byteLength), usage })
    device.queue.writeBuffer(buffer, 0, data)
    return buffer
  })
  const layout = pipeline.getBindGroupLayout(0)
  const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }))
  const output = buffers[inputs.length]
  if (output === undefined) throw new Error('no output')
  const group = device.createBindGroup({ layout, entries })
  const staging = device.createBuffer({
    size: canvas.byteLength,
    usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
  })
  const encoder = device.createCommandEncoder()
  const pass = encoder.beginComputePass()
  pass.setPipeline(pipeline)
  pass.setBindGroup(0, group)
  for (let i = 0; i < repeats; i++) pass.dispatchWorkgroups(...call.grid)
  pass.end()
  encoder.copyBufferToBuffer(output, 0, staging, 0, canvas.byteLength)
  const start = performance.now()
  device.queue.submit([encoder.finish()])
  const error = await device.popErrorScope()
  if (error !== null) throw new Error(`${error.message}\n${code}`)
  await staging.mapAsync(GPUMapMode.READ)
  const milliseconds = (performance.now() - start) / repeats
  const all = new Float32Array(staging.getMappedRange().slice(0))
  for (const buffer of [...buffers, staging]) buffer.destroy()
  expect(all.subarray(length).every(Number.isNaN), 'guard after the output').toBe(true)
  return { values: all.subarray(0, length), milliseconds }
}

/** Compares with a reference by the worst absolute error over the largest reference value. */
export function expectClose(values: Float32Array, reference: Float64Array, bound = 1e-5): void {
  expect(values.length).toBe(reference.length)
  const scale = reference.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-30)
  for (let i = 0; i < reference.length; i++) {
    const error = Math.abs((values[i] ?? Number.NaN) - (reference[i] ?? Number.NaN)) / scale
    if (!(error <= bound)) {
      throw new Error(`element ${i} is ${values[i]}, the reference is ${reference[i]} (relative error ${error})`)
    }
  }
}
