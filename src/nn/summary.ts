import { elementBytes } from '../dtype.ts'
import { noGrad, type Tensor } from '../graph/tensor.ts'
import type { Node, Spec, Value } from '../graph/value.ts'
import { full } from '../ops/elementwise.ts'
import { formatShape, numel } from '../shape.ts'
import { registerForwardHook } from './hooks.ts'
import type { Module } from './module.ts'
import { Parameter } from './parameter.ts'

/** One call of a module. */
export interface SummaryRow {
  /** Where the module is in the model, as in state-dict keys; empty for the model itself. */
  readonly name: string
  /** The name of its class. */
  readonly type: string
  /** The shape of its output. */
  readonly shape: readonly number[]
  /** Numbers in parameters of its own. */
  readonly parameters: number
  /** FLOPs of its forward pass; a multiplication and an addition are two. */
  readonly flops: number
  /** Bytes of its output. */
  readonly bytes: number
}

/** What {@link summary} gives. */
export interface Summary {
  /** Modules without modules below them and those with parameters of their own, in the order of their calls. */
  readonly rows: readonly SummaryRow[]
  /** Numbers in all parameters, those used twice counted once. */
  readonly parameters: number
  /** Bytes of all parameters. */
  readonly parameterBytes: number
  /** FLOPs of the whole forward pass, in modules and between them. */
  readonly flops: number
  /** Bytes of the outputs in the rows; a plan needs less, as it fuses and reuses memory. */
  readonly bytes: number
  /** The table as text. */
  toString(): string
}

/**
 * What a model is made of and what a forward pass in evaluation mode costs, for inputs of these specs. Nothing runs on the device.
 *
 *     console.log(String(summary(model, spec([1, 28, 28, 1]))))
 */
export function summary(model: Module, ...inputs: readonly Spec[]): Summary {
  const rows: SummaryRow[] = []
  const counted = new Set<Node>()
  const modules = listModules(model, '')
  const modes = modules.map(([, module]) => module.training)
  let between = 0
  const removals = modules
    .filter(([, module]) => module.children().length === 0 || ownParameters(module) > 0)
    .map(([name, module]) =>
      registerForwardHook(module, (_, given, output) => {
        between += flopsBehind(given, counted)
        rows.push({
          name,
          type: module.constructor.name,
          shape: output.shape,
          parameters: ownParameters(module),
          flops: flopsBehind([output], counted),
          bytes: bytesOf(output),
        })
      }),
    )
  try {
    model.eval()
    noGrad(() => {
      const output = model.forward(...inputs.map(({ shape, dtype }) => full(shape, 0, dtype)))
      between += flopsBehind([output], counted)
    })
  } finally {
    for (const remove of removals) remove()
    modules.forEach(([, module], i) => {
      module.training = modes[i] as boolean
    })
  }
  const parameters = model.parameters()
  const table = {
    rows,
    parameters: total(parameters, (p) => p.size),
    parameterBytes: total(parameters, bytesOf),
    flops: between + total(rows, (row) => row.flops),
    bytes: total(rows, (row) => row.bytes),
  }
  return { ...table, toString: () => textOf(table) }
}

/** Every module with its name, each once. */
function listModules(module: Module, name: string, seen: Set<Module> = new Set()): [string, Module][] {
  if (seen.has(module)) return []
  seen.add(module)
  const prefix = name === '' ? '' : `${name}.`
  return [[name, module], ...module.children().flatMap(([key, child]) => listModules(child, prefix + key, seen))]
}

function ownParameters(module: Module): number {
  return total(
    Object.values(module).filter((value) => value instanceof Parameter),
    (p) => p.size,
  )
}

function total<T>(list: readonly T[], value: (item: T) => number): number {
  return list.reduce((sum, item) => sum + value(item), 0)
}

function bytesOf({ shape, dtype }: Spec): number {
  return numel(shape) * elementBytes(dtype)
}

/** FLOPs of the nodes that the tensors come from and that were not counted before. */
function flopsBehind(tensors: readonly Tensor[], counted: Set<Node>): number {
  const stack: Value[] = tensors.map((t) => t.value)
  let flops = 0
  for (let value = stack.pop(); value; value = stack.pop()) {
    const { node } = value
    if (counted.has(node)) continue
    counted.add(node)
    flops += flopsOf(node)
    stack.push(...node.inputs)
  }
  return flops
}

function flopsOf({ op, inputs, outputs, attrs }: Node): number {
  if (op.kind === 'kernel') return op.cost(inputs, outputs, attrs).flops
  return op.kind === 'map' ? op.flops(attrs) * numel((outputs[0] as Value).shape) : 0
}

function textOf(table: Omit<Summary, 'toString'>): string {
  const shown = (n: number): string => n.toLocaleString('en-US')
  const lines = [
    ['module', 'class', 'output', 'parameters', 'FLOPs', 'bytes'],
    ...table.rows.map(({ name, type, shape, parameters, flops, bytes }) => [
      name,
      type,
      formatShape(shape),
      shown(parameters),
      shown(flops),
      shown(bytes),
    ]),
    ['total', '', '', shown(table.parameters), shown(table.flops), shown(table.bytes)],
  ]
  const widths = [0, 1, 2, 3, 4, 5].map((c) => Math.max(...lines.map((line) => (line[c] as string).length)))
  return lines
    .map((line) =>
      line.map((cell, c) => (c < 3 ? cell.padEnd(widths[c] as number) : cell.padStart(widths[c] as number))).join('  '),
    )
    .join('\n')
}
