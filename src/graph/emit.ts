import { computeType, isFloat, storageType } from '../dtype.ts'
import type { Access, Program } from '../gpu/pipelines.ts'
import { type ParamValue, renderTemplate } from '../gpu/template.ts'
import { gridOf, numel } from '../shape.ts'
import { arrayType, constantOf, loadedAs, storedAs } from './constant.ts'
import { mapKernel } from './map-kernel.ts'
import type { ElementWriter, KernelCall, Operand } from './op.ts'
import type { Fusion } from './passes/fuse.ts'
import type { Group } from './passes/groups.ts'
import { baseOf } from './passes/uses.ts'
import type { Value } from './value.ts'

/** What a binding of a program refers to. */
export type BindingUse = { readonly value: Value } | { readonly operand: Operand }

/** A program of a group and what each of its bindings is. */
export interface Emitted {
  readonly program: Program
  readonly uses: readonly BindingUse[]
  readonly grid: readonly [number, number, number]
  /** Values that are only read at the index that the same invocation writes. */
  readonly alignedOnly: ReadonlySet<Value>
}

/** Names, bindings and helpers of one shader under construction. */
class ShaderText {
  readonly bindings: { name: string; access: Access }[] = []
  readonly uses: BindingUse[] = []
  readonly declarations: string[] = []
  readonly misaligned = new Set<Value>()
  readonly helpers = new Map<string, string>()
  private readonly bound = new Map<Value, string>()
  private names = 0
  private readonly inPlace: Value | null
  private readonly inlined: (v: Value) => boolean
  usesHalf = false

  constructor(inlined: (v: Value) => boolean, inPlace: Value | null) {
    this.inlined = inlined
    this.inPlace = inPlace
  }

  isInlined(v: Value): boolean {
    return this.inlined(v)
  }

  name(prefix: string): string {
    return `${prefix}${this.names++}`
  }

  declare(name: string, access: Access, type: string, use: BindingUse): void {
    const binding = this.bindings.length
    this.bindings.push({ name, access })
    this.uses.push(use)
    this.declarations.push(`@group(0) @binding(${binding}) var<storage, ${access}> ${name}: ${type};`)
    if (type.includes('f16')) this.usesHalf = true
  }

  /** The name of the buffer that holds `value`. */
  bind(value: Value): string {
    const base = baseOf(value)
    if (base === this.inPlace) return 'y'
    let name = this.bound.get(base)
    if (!name) {
      name = this.name('b')
      this.bound.set(base, name)
      this.declare(name, 'read', arrayType(base.dtype), { value: base })
    }
    return name
  }

  /** The types of stored elements for the bindings of a kernel that ask for one. */
  elementTypes(group: Group, { kernel, bindings }: KernelCall): Record<string, string> {
    const types: Record<string, string> = {}
    for (const { name, type } of kernel.bindings) {
      const operand = bindings[name] as Operand
      const dtype = 'input' in operand ? baseOf(group.node.inputs[operand.input] as Value).dtype : 'f32'
      if (type) types[type] = storageType(dtype)
      else if (dtype === 'f16') throw new Error(`${kernel.name}: ${name} is f16; the kernel reads it as f32`)
      if (dtype === 'f16') this.usesHalf = true
    }
    return types
  }

  text(): string {
    return [...this.declarations, ...this.helpers.values()].join('\n')
  }
}

/** Lines of one WGSL function; a value at one index is computed once. */
class FunctionText {
  readonly lines: string[] = []
  private readonly memo = new Map<string, string>()
  private readonly expressions = new Map<string, string>()
  private readonly shader: ShaderText
  private readonly given: Map<Value, string>

  constructor(shader: ShaderText, given: ReadonlyMap<Value, string>) {
    this.shader = shader
    this.given = new Map(given)
  }

  /** Computes a stored value at the function's own index, where later expressions take it from. */
  give(value: Value): void {
    this.given.set(value, this.let(this.expression(value, 'i')))
  }

  let(expression: string): string {
    return /^(\w+|f32\([-\w.+]+\)|\d+u)$/.test(expression) ? expression : this.name(expression)
  }

  private name(expression: string): string {
    let name = this.expressions.get(expression)
    if (!name) {
      name = this.shader.name('v')
      this.expressions.set(expression, name)
      this.lines.push(`let ${name} = ${expression};`)
    }
    return name
  }

  /** Element `i` of `value`, in compute type. `i` is the function's own index where it is the name `i`. */
  element(value: Value, i: string): string {
    const given = this.given.get(value)
    if (given !== undefined) return given
    if (!this.shader.isInlined(value)) {
      if (i !== 'i') this.shader.misaligned.add(baseOf(value))
      return this.let(loadedAs(`${this.shader.bind(value)}[${i}]`, value.dtype))
    }
    const key = `${value.id}@${i}`
    let name = this.memo.get(key)
    if (name === undefined) {
      name = this.let(this.expression(value, i))
      this.memo.set(key, name)
    }
    return name
  }

  /** The expression of a map value, whether or not it is stored. */
  expression(value: Value, i: string): string {
    const { op, inputs, attrs } = value.node
    if (op.kind !== 'map') throw new Error(`${op.name} is not an elementwise op`)
    // WGSL refuses constant expressions that have no finite value, such as log(0.0), and whole numbers divided by 0: what is made of
    // names is computed when it runs.
    const constant = inputs.every((v) => constantOf(v) !== null)
    const writer: ElementWriter = {
      load: (input, at) => {
        const v = inputs[input] as Value
        const text = this.element(v, at)
        return constant || (!isFloat(v.dtype) && constantOf(v) === 0) ? this.name(text) : text
      },
      let: (expression) => this.let(expression),
      helper: (name, text) => {
        if (!this.shader.helpers.has(name)) this.shader.helpers.set(name, text)
      },
    }
    return op.emit(writer, i, { inputs, output: value, attrs: attrs as never })
  }
}

/** Threads of a workgroup of elementwise work. */
const mapThreads = 64

/** The shader of an elementwise group; `inPlace` names a read value whose buffer the output takes over. */
export function emitMap(group: Group, fusion: Fusion, inPlace: Value | null): Emitted {
  const root = group.root as Value
  const shader = new ShaderText(fusion.inlined, inPlace)
  shader.declare('y', 'read_write', arrayType(root.dtype), { operand: { output: 0 } })
  const body = new FunctionText(shader, new Map())
  const result = storedAs(body.let(body.expression(root, 'i')), root.dtype)
  const n = numel(root.shape)
  const grid = gridOf(Math.ceil(n / mapThreads))
  const source = renderTemplate(mapKernel.template, {
    DECLS: shader.text(),
    BODY: [...body.lines, `y[i] = ${result};`].join('\n  '),
    N: n,
    ROW: grid[0] * mapThreads,
    THREADS: mapThreads,
  })
  return finish(group, mapKernel.name, source, shader, grid)
}

/** The shader of one call of a kernel group. */
export function emitCall(group: Group, call: KernelCall, fusion: Fusion): Emitted {
  const shader = new ShaderText(fusion.inlined, null)
  for (const b of call.kernel.bindings) {
    const operand = call.bindings[b.name]
    if (!operand) throw new Error(`${call.kernel.name}: nothing is bound to ${b.name}`)
    shader.bindings.push(b)
    shader.uses.push('input' in operand ? { value: baseOf(group.node.inputs[operand.input] as Value) } : { operand })
  }
  const params: Record<string, ParamValue> = { ...call.params, ...shader.elementTypes(group, call) }
  for (const [param, { input, name }] of Object.entries(call.loads ?? {})) {
    const value = group.node.inputs[input] as Value
    const from = shader.declarations.length
    const body = new FunctionText(shader, new Map())
    const result = body.element(value, 'i')
    const text = `fn ${name}(i: u32) -> ${computeType(value.dtype)} {\n  ${[...body.lines, `return ${result};`].join('\n  ')}\n}`
    params[param] = [...shader.declarations.slice(from), ...drain(shader), text].join('\n')
  }
  if (call.epilogue) {
    const out = group.node.outputs[0] as Value
    const root = group.root as Value
    const from = shader.declarations.length
    const body = new FunctionText(shader, new Map([[out, 'value']]))
    shader.declare('y', 'read_write', arrayType(root.dtype), { operand: { output: 0 } })
    if (root !== out) body.give(root)
    const stores = [`y[i] = ${storedAs(body.element(root, 'i'), root.dtype)};`]
    group.also.forEach((v, k) => {
      shader.declare(`y${k}`, 'read_write', arrayType(v.dtype), { operand: { output: group.node.outputs.length + k } })
      body.give(v)
      stores.push(`y${k}[i] = ${storedAs(body.element(v, 'i'), v.dtype)};`)
    })
    const text = `fn store_y(i: u32, value: ${computeType(out.dtype)}) {\n  ${[...body.lines, ...stores].join('\n  ')}\n}`
    params.EPILOGUE_DECLS = [...shader.declarations.slice(from), ...drain(shader), text].join('\n')
  }
  return finish(group, call.kernel.name, renderTemplate(call.kernel.template, params), shader, call.grid)
}

/** Helper texts that were not written out yet. */
function drain(shader: ShaderText): string[] {
  const texts = [...shader.helpers.entries()].filter(([, text]) => text !== '')
  for (const [name] of texts) shader.helpers.set(name, '')
  return texts.map(([, text]) => text)
}

function finish(
  group: Group,
  name: string,
  source: string,
  shader: ShaderText,
  grid: readonly [number, number, number],
): Emitted {
  return {
    program: {
      name: `${name}.wgsl`,
      source: shader.usesHalf ? `enable f16;\n${source}` : source,
      bindings: shader.bindings,
    },
    uses: shader.uses,
    grid,
    alignedOnly: new Set(group.reads.filter((v) => !shader.misaligned.has(v))),
  }
}
