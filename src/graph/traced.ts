import { fail } from '../errors.ts'
import type { Device } from '../gpu/device.ts'
import type { StepOutputs } from './compile.ts'
import { inputLeaf, refuseArguments } from './leaf.ts'
import { collect, type GraphProgram, isLeaf, leavesOf } from './program.ts'
import { realize } from './realize.ts'
import { signaturesOf } from './signature.ts'
import { Tensor } from './tensor.ts'
import { Trace, withTrace } from './trace.ts'
import { Node, type Spec, type Value } from './value.ts'

/** A function as `compile` traces it. */
export type TracedFunction = (...args: Tensor[]) => StepOutputs

/** What a function did for arguments of certain specs. */
export interface Traced {
  readonly trace: Trace
  readonly program: GraphProgram
  /** Puts tensors into the form that the function returned. */
  readonly shape: (tensors: readonly Tensor[]) => StepOutputs
  /** The program in lines of text; see signature.ts. */
  readonly signatures: readonly string[]
}

/** Runs a function once on placeholders and keeps what it recorded. */
export function traceFunction(device: Device, fn: TracedFunction, specs: readonly Spec[]): Traced {
  const trace = new Trace(true)
  const since = Node.count
  const inputs = specs.map((s, i) => inputLeaf(device, s, i, null))
  // A parameter that is returned has the value of the step's end, which only the trace knows.
  const { values, shape } = withTrace(trace, () => {
    const returned = flattenOutputs(fn(...inputs.map((v) => new Tensor(v))))
    return { values: returned.tensors.map((t) => t.value), shape: returned.shape }
  })
  const gather = (): GraphProgram => collect(device, values, trace.effects)
  // What the function holds from outside is computed once, now, and keeps that value in every step.
  realize(heldValues(gather(), since))
  const program = gather()
  refuseArguments(leavesOf(program), inputs)
  return { trace, program, shape, signatures: signaturesOf(program, since) }
}

/** Lazy values made before node `since` that later nodes, outputs or effects of the program use directly. */
function heldValues(program: GraphProgram, since: number): Value[] {
  const used = [
    ...program.nodes.filter((n) => n.id >= since).flatMap((n) => n.inputs),
    ...program.outputs,
    ...program.effects.flatMap((e) => (e.kind === 'assign' ? [e.value] : [])),
  ]
  return used.filter((v) => !isLeaf(v) && v.node.id < since && v.node.inputs.length > 0)
}

/** The tensors that a function returned, in a row, and how to put others into the same form. */
function flattenOutputs(returned: StepOutputs): {
  tensors: Tensor[]
  shape: (tensors: readonly Tensor[]) => StepOutputs
} {
  if (returned === undefined || returned === null) return { tensors: [], shape: () => undefined }
  if (returned instanceof Tensor) return { tensors: [returned], shape: ([t]) => t as Tensor }
  if (returned instanceof Promise)
    fail('compile', 'the function is asynchronous', 'trace tensors without awaiting, and read what the step returns')
  if (typeof returned !== 'object')
    fail(
      'compile',
      `the function returned ${typeof returned}`,
      'return tensors: one, an array of them, or an object of them',
    )
  const check = (t: unknown, name: string): Tensor =>
    t instanceof Tensor
      ? t
      : fail(
          'compile',
          `the function returned ${t === null ? 'null' : typeof t} as ${name}`,
          'return tensors: one, an array of them, or an object of them',
        )
  if (Array.isArray(returned)) {
    return { tensors: returned.map((t, i) => check(t, `[${i}]`)), shape: (tensors) => tensors }
  }
  const entries = Object.entries(returned as Record<string, Tensor>)
  return {
    tensors: entries.map(([name, t]) => check(t, name)),
    shape: (tensors) => Object.fromEntries(entries.map(([name], i) => [name, tensors[i] as Tensor])),
  }
}
