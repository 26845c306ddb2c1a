import * as ort from 'onnxruntime-web/webgpu'
import { convOutput, inputsOf } from '../inputs.ts'
import { inverse, permuteHost, permuteShape } from '../layout.ts'
import { normEps } from '../models.ts'
import {
  type Arrays,
  type HostArray,
  type InferTask,
  NotOffered,
  type OpenContestant,
  type OpTask,
  type Running,
  type StepTask,
  type Task,
} from '../workload.ts'
import { type OnnxGraph, type OnnxNode, onnxModel } from './onnx.ts'

/** Opens ONNX Runtime Web on its WebGPU backend. It has no training. */
export const openOrt: OpenContestant = async () => {
  // One thread for what WebGPU does not run; more would need workers of its own.
  ort.env.wasm.numThreads = 1
  ort.env.webgpu.powerPreference = 'high-performance'
  // The device is made with the first session and lost with the last, so one stays.
  await ort.InferenceSession.create(onnxModel(graphOf({ kind: 'matmul', m: 1, k: 1, n: 1 }).graph), {
    executionProviders: ['webgpu'],
  })
  const device = (await ort.env.webgpu.device) as GPUDevice
  return { device, make: (task) => makeTask(device, task) }
}

interface Built {
  readonly graph: OnnxGraph
  /** How the output is put into the reference's layout. */
  readonly axes?: readonly number[]
}

/** [n, h, w, c] as [n, c, h, w]. */
const channelsFirst = [0, 3, 1, 2]

const needsTraining = 'onnxruntime-web has no gradients'

function graphOf(task: OpTask | StepTask): Built {
  const inputs = task.kind === 'step' ? {} : (inputsOf(task) as Arrays)
  const shapeOf = (name: string): readonly number[] => (inputs[name] as HostArray).shape
  const weight = (name: string): HostArray => inputs[name] as HostArray
  switch (task.kind) {
    case 'matmul': {
      const { transA, transB, m, n } = task
      // Both are variables: a constant could be rearranged beforehand.
      const attributes = { transA: transA ? 1 : 0, transB: transB ? 1 : 0 }
      const node = transA || transB ? { op: 'Gemm', attributes } : { op: 'MatMul' }
      return {
        graph: {
          nodes: [{ ...node, inputs: ['a', 'b'], outputs: ['c'] }],
          inputs: { a: shapeOf('a'), b: shapeOf('b') },
          outputs: { c: [m, n] },
          weights: {},
        },
      }
    }
    case 'conv': {
      if (task.pass !== 'forward') throw new NotOffered(needsTraining)
      const { kernel, stride, padding: p, batch, cout } = task
      const attributes = { kernel_shape: [kernel, kernel], strides: [stride, stride], pads: [p, p, p, p] }
      const out = convOutput(task)
      return {
        graph: {
          nodes: [{ op: 'Conv', inputs: ['x', 'w'], outputs: ['y'], attributes }],
          inputs: { x: permuteShape(shapeOf('x'), channelsFirst) },
          outputs: { y: [batch, cout, out, out] },
          weights: { w: weight('w') },
        },
        axes: channelsFirst,
      }
    }
    case 'norm': {
      if (task.pass !== 'forward') throw new NotOffered(needsTraining)
      if (task.op === 'batchNorm') throw new NotOffered('onnxruntime-web has no BatchNorm in training mode on WebGPU')
      const isLayerNorm = task.op === 'layerNorm'
      const node: Omit<OnnxNode, 'outputs'> = isLayerNorm
        ? {
            op: 'LayerNormalization',
            inputs: ['x', 'weight', 'bias'],
            attributes: { axis: -1, epsilon: { float: normEps } },
          }
        : { op: 'Softmax', inputs: ['x'], attributes: { axis: -1 } }
      return {
        graph: {
          nodes: [{ ...node, outputs: ['y'] }],
          inputs: { x: shapeOf('x') },
          outputs: { y: shapeOf('x') },
          weights: isLayerNorm ? { weight: weight('weight'), bias: weight('bias') } : {},
        },
      }
    }
    case 'attention': {
      if (task.pass !== 'forward') throw new NotOffered(needsTraining)
      const shape = shapeOf('q')
      return {
        graph: {
          nodes: [
            { op: 'Transpose', inputs: ['k'], outputs: ['kt'], attributes: { perm: [0, 1, 3, 2] } },
            { op: 'MatMul', inputs: ['q', 'kt'], outputs: ['products'] },
            { op: 'Mul', inputs: ['products', 'scale'], outputs: ['scores'] },
            { op: 'Softmax', inputs: ['scores'], outputs: ['shares'], attributes: { axis: -1 } },
            { op: 'MatMul', inputs: ['shares', 'v'], outputs: ['y'] },
          ],
          inputs: { q: shape, k: shape, v: shape },
          outputs: { y: shape },
          weights: { scale: { shape: [1], data: Float32Array.of(task.dim ** -0.5) } },
        },
      }
    }
    case 'step':
      throw new NotOffered(needsTraining)
  }
}

/** Inputs and outputs stay on the GPU. */
async function makeTask(device: GPUDevice, task: Task): Promise<Running> {
  const { graph, axes } = task.kind === 'infer' ? await inferred(task) : graphOf(task)
  const session = await ort.InferenceSession.create(onnxModel(graph), {
    executionProviders: ['webgpu'],
    preferredOutputLocation: 'gpu-buffer',
  })
  const arrays = inputsOf(task)
  const buffers: GPUBuffer[] = []
  const feeds: Record<string, ort.Tensor> = {}
  for (const [name, dims] of Object.entries(graph.inputs)) {
    const { data, shape } = arrays[name] as HostArray
    const values = shape.length === 4 && axes ? permuteHost(data, shape, axes) : data
    const size = Math.ceil(values.byteLength / 16) * 16
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC
    const buffer = device.createBuffer({ size, usage })
    device.queue.writeBuffer(buffer, 0, values)
    buffers.push(buffer)
    const dataType = values instanceof Int32Array ? 'int32' : 'float32'
    feeds[name] = ort.Tensor.fromGpuBuffer(buffer, { dataType, dims: [...dims] })
  }
  const outputs = Object.keys(graph.outputs)
  let results: Record<string, ort.Tensor> = {}
  const dispose = (): void => {
    for (const result of Object.values(results)) result.dispose()
    results = {}
  }
  return {
    async run() {
      dispose()
      results = { ...(await session.run(feeds)) }
    },
    async wait() {
      await device.queue.onSubmittedWorkDone()
    },
    async read() {
      const read: Record<string, ArrayLike<number>> = {}
      for (const name of outputs) {
        const result = results[name] as ort.Tensor
        const data = (await result.getData()) as Float32Array
        read[name] = axes && result.dims.length === 4 ? permuteHost(data, result.dims, inverse(axes)) : data
      }
      return read
    },
    close() {
      dispose()
      for (const buffer of buffers) buffer.destroy()
      void session.release()
    },
  }
}

/** Apart, so that what is timed from the import on does not load models. */
async function inferred(task: InferTask): Promise<Built> {
  const { inferenceGraph } = await import('./ort-infer.ts')
  return { graph: inferenceGraph(task), axes: channelsFirst }
}
