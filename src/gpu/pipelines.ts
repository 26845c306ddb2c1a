import { WgradError } from '../errors.ts'
import { parseInterface } from './wgsl-interface.ts'

/** How a kernel uses a binding. */
export type Access = 'read' | 'read_write'

/** A rendered shader and the interface that its caller believes it has. */
export interface Program {
  /** The shader file, for messages; with its parameters where that helps. */
  readonly name: string
  readonly source: string
  readonly bindings: readonly { readonly name: string; readonly access: Access }[]
}

/** Pipelines keyed by WGSL source, compiled side by side; bind group layouts keyed by their accesses. */
export class Pipelines {
  /** Pipelines created since the device was opened. */
  created = 0
  private readonly ready = new Map<string, GPUComputePipeline>()
  private readonly pending = new Map<string, Promise<GPUComputePipeline>>()
  private readonly layouts = new Map<string, GPUBindGroupLayout>()
  private readonly pipelineLayouts = new Map<string, GPUPipelineLayout>()
  private readonly device: GPUDevice

  constructor(device: GPUDevice) {
    this.device = device
  }

  /** The pipeline, if it is compiled. */
  get(program: Program): GPUComputePipeline | undefined {
    return this.ready.get(program.source)
  }

  /** Compiles the pipeline, or finds it; rejects with the file, the lines and the parameters. */
  compile(program: Program): Promise<GPUComputePipeline> {
    const done = this.ready.get(program.source)
    if (done) return Promise.resolve(done)
    let promise = this.pending.get(program.source)
    if (!promise) {
      promise = this.create(program)
      this.pending.set(program.source, promise)
      const forget = (): boolean => this.pending.delete(program.source)
      promise.then(forget, forget)
    }
    return promise
  }

  /** Drops a pipeline; whoever holds it may go on using it. */
  forget(program: Program): void {
    this.ready.delete(program.source)
  }

  /** The layout of a bind group with these accesses in order. */
  layout(program: Program): GPUBindGroupLayout {
    const key = accessKey(program)
    let layout = this.layouts.get(key)
    if (!layout) {
      layout = this.device.createBindGroupLayout({
        label: `layout ${key}`,
        entries: program.bindings.map((b, binding) => ({
          binding,
          visibility: GPUShaderStage.COMPUTE,
          buffer: { type: b.access === 'read' ? 'read-only-storage' : 'storage' },
        })),
      })
      this.layouts.set(key, layout)
    }
    return layout
  }

  private pipelineLayout(program: Program): GPUPipelineLayout {
    const key = accessKey(program)
    let layout = this.pipelineLayouts.get(key)
    if (!layout) {
      layout = this.device.createPipelineLayout({ label: `layout ${key}`, bindGroupLayouts: [this.layout(program)] })
      this.pipelineLayouts.set(key, layout)
    }
    return layout
  }

  private async create(program: Program): Promise<GPUComputePipeline> {
    checkInterface(program)
    this.device.pushErrorScope('validation')
    const module = this.device.createShaderModule({ label: program.name, code: program.source })
    const scope = this.device.popErrorScope()
    const made = this.device
      .createComputePipelineAsync({
        label: program.name,
        layout: this.pipelineLayout(program),
        compute: { module, entryPoint: 'main' },
      })
      .then(
        (pipeline) => ({ pipeline, error: null }),
        (error: unknown) => ({ pipeline: null, error }),
      )
    const [fault, result] = await Promise.all([scope, made])
    if (!result.pipeline || fault) {
      const info = await module.getCompilationInfo()
      const message = info.messages.find((m) => m.type === 'error')
      const text = message?.message ?? fault?.message ?? String(result.error)
      throw new WgradError(compileError(program, text, message?.lineNum ?? 0))
    }
    this.ready.set(program.source, result.pipeline)
    this.created++
    return result.pipeline
  }
}

function accessKey(program: Program): string {
  return program.bindings.map((b) => (b.access === 'read' ? 'r' : 'w')).join('')
}

/** Throws when the WGSL does not bind what its declaration lists. */
function checkInterface(program: Program): void {
  const found = parseInterface(program.source).bindings.map((b) => `${b.name}: ${b.access}`)
  const listed = program.bindings.map((b) => `${b.name}: ${b.access}`)
  if (found.join() !== listed.join()) {
    throw new WgradError(
      `${program.name} binds (${found.join(', ')}) but its declaration lists (${listed.join(', ')}); make them equal`,
    )
  }
}

/** A compiler message with five lines of the rendered shader around it. */
function compileError(program: Program, text: string, line: number): string {
  const lines = program.source.split('\n')
  const from = Math.max(0, line - 3)
  const shown = line > 0 ? lines.slice(from, from + 5) : []
  const listing = shown
    .map((l, i) => `${from + i + 1 === line ? '>' : ' '} ${String(from + i + 1).padStart(4)} | ${l}`)
    .join('\n')
  return `${program.name}:${line}: the shader does not compile: ${text}${listing ? `\n${listing}` : ''}`
}
