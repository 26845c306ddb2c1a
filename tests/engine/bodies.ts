import type { Tensor } from '../../src/index.ts'
import type { Cell } from './cell.ts'
import { type Matrix, mostOf, programOps, size } from './matrices.ts'

/** One instruction of a body. Each `read` and `op` makes the next register; the arguments and captured values are the first ones. */
export type Instruction =
  | { readonly kind: 'read'; readonly cell: number }
  | { readonly kind: 'op'; readonly op: string; readonly a: number; readonly b: number }
  | { readonly kind: 'assign'; readonly cell: number; readonly from: number }

/** A straight program over registers; the same for the engine and for the reference. */
export interface Body {
  readonly instructions: readonly Instruction[]
  readonly outputs: readonly number[]
}

/** What a register is known to be before anything runs. */
export interface Known {
  readonly shape: readonly [number, number]
  /** Largest magnitude. */
  readonly bound: number
}

/** Takes the next decision: a whole number below `n`. */
export type Choose = (n: number) => number

export const opNames: readonly string[] = Object.keys(programOps)

/** What {@link applyOp} will give, or null where the op does not take these operands. */
export function knownAfter(name: string, a: Known, b: Known): Known | null {
  const op = programOps[name]
  if (!op || (op.takes && !op.takes(a.shape, b.shape))) return null
  const zeros = (k: Known): Matrix => ({ shape: k.shape, data: new Float64Array(k.shape[0] * k.shape[1]) })
  const bound = op.bound(a.bound, b.bound)
  return bound > 2 ** 22 ? null : { shape: op.reference(zeros(a), zeros(b)).shape, bound }
}

export function applyToTensors(name: string, a: Tensor, b: Tensor): Tensor {
  return (programOps[name] as (typeof programOps)[string]).engine(a, b)
}

export function applyToMatrices(name: string, a: Matrix, b: Matrix): Matrix {
  return (programOps[name] as (typeof programOps)[string]).reference(a, b)
}

/** The registers of a body while it is being written. */
export class BodyWriter {
  readonly instructions: Instruction[] = []
  readonly known: Known[]
  private readonly choose: Choose

  constructor(known: readonly Known[], choose: Choose) {
    this.known = [...known]
    this.choose = choose
  }

  read(cell: number): number {
    this.instructions.push({ kind: 'read', cell })
    return this.known.push({ shape: [size, size], bound: mostOf }) - 1
  }

  op(op: string, a: number, b: number): number | null {
    const next = knownAfter(op, this.known[a] as Known, this.known[b] as Known)
    if (!next) return null
    this.instructions.push({ kind: 'op', op, a, b })
    return this.known.push(next) - 1
  }

  randomOp(): void {
    const n = this.known.length
    if (n > 0) this.op(opNames[this.choose(opNames.length)] as string, this.choose(n), this.choose(n))
  }

  /** Assigns a register to a variable, brought to its shape and range. */
  assign(cell: number, register: number): void {
    let from = register
    const to = this.known[from] as Known
    if (to.shape[0] !== size || to.shape[1] !== size) from = this.op('spread', from, from) as number
    if (to.bound > mostOf) from = this.op('clamp', from, from) as number
    this.instructions.push({ kind: 'assign', cell, from })
  }
}

/** Runs a body on tensors; assignments are effects of the step being traced. */
export function runOnTensors(body: Body, cells: readonly Cell[], first: readonly Tensor[]): Tensor[] {
  const registers = [...first]
  for (const i of body.instructions) {
    if (i.kind === 'read') registers.push((cells[i.cell] as Cell).now())
    else if (i.kind === 'assign') (cells[i.cell] as Cell).assign(registers[i.from] as Tensor)
    else registers.push(applyToTensors(i.op, registers[i.a] as Tensor, registers[i.b] as Tensor))
  }
  return body.outputs.map((o) => registers[o] as Tensor)
}

/** Runs a body at once in f64. */
export function runOnMatrices(body: Body, cells: Matrix[], first: readonly Matrix[]): Matrix[] {
  const registers = [...first]
  for (const i of body.instructions) {
    if (i.kind === 'read') registers.push(cells[i.cell] as Matrix)
    else if (i.kind === 'assign') cells[i.cell] = registers[i.from] as Matrix
    else registers.push(applyToMatrices(i.op, registers[i.a] as Matrix, registers[i.b] as Matrix))
  }
  return body.outputs.map((o) => registers[o] as Matrix)
}

/** The program as text, for failures. */
export function describeBody(body: Body): string {
  const lines = body.instructions.map((i) =>
    i.kind === 'read'
      ? `read ${i.cell}`
      : i.kind === 'assign'
        ? `cell ${i.cell} = r${i.from}`
        : `${i.op} r${i.a} r${i.b}`,
  )
  return `{ ${lines.join('; ')}; return ${body.outputs.map((o) => `r${o}`).join()} }`
}
