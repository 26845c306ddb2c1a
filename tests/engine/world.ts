import { layOut } from '../../src/graph/pack.ts'
import { runEffects, writeVariable } from '../../src/graph/realize.ts'
import { Variable } from '../../src/graph/variable.ts'
import {
  type Compiled,
  type CompileOptions,
  compile,
  detach,
  readAll,
  StaleOutputError,
  type Tensor,
  zeros,
} from '../../src/index.ts'
import {
  type Body,
  BodyWriter,
  type Choose,
  describeBody,
  type Known,
  knownAfter,
  opNames,
  runOnMatrices,
  runOnTensors,
} from './bodies.ts'
import { Cell } from './cell.ts'
import { sweep } from './garbage.ts'
import { type Matrix, matrix, mostOf, size, tensorOf } from './matrices.ts'

/** A tensor of the program, and what it must hold. */
interface Held {
  readonly name: string
  readonly tensor: Tensor
  readonly known: Known
  readonly value: Matrix
  /** For an output of a step: true once the ring has overwritten it. */
  readonly stale: () => boolean
  /** How often variables had moved when it was made; a step whose variables move is traced anew, with a ring of its own. */
  readonly moves: number
}

interface Step {
  readonly name: string
  readonly body: Body
  readonly takes: readonly Known[]
  readonly captured: readonly Held[]
  readonly compiled: Compiled<Tensor[], Tensor[]>
  readonly ring: number
  readonly outputs: readonly Known[]
  calls: number
}

const whole: Known = { shape: [size, size], bound: mostOf }
const never = (): boolean => false

/** One program: it makes tensors, steps and assignments at random, and compares every read with the f64 reference. */
export class World {
  /** What was done, for failures. */
  readonly log: string[] = []
  private readonly choose: Choose
  private readonly ways: readonly CompileOptions[]
  private readonly cells: Cell[] = []
  private readonly values: Matrix[] = []
  private readonly pool: Held[] = []
  private readonly steps: Step[] = []
  private reading: Promise<void>[] = []
  private names = 0
  private moves = 0

  constructor(choose: Choose, ways: readonly CompileOptions[]) {
    this.choose = choose
    this.ways = ways
    for (let i = 0; i < 3; i++) {
      const value = this.randomMatrix()
      this.values.push(value)
      // Variable 0 starts as data, the others as something still to be computed.
      const initial = i === 0 ? tensorOf(value) : tensorOf(value).mul(3).sub(tensorOf(value).mul(2))
      this.cells.push(new Cell(initial, `cell ${i}`))
    }
    this.makeData()
  }

  /** One action, chosen at random. */
  async act(): Promise<void> {
    const actions: readonly (readonly [weight: number, act: () => void | Promise<void>])[] = [
      [1, () => this.makeData()],
      [4, () => this.makeOp()],
      [2, () => this.pinCell()],
      [2, () => this.read(1)],
      [1, () => this.read(1 + this.choose(3))],
      [2, () => this.assignOutside()],
      [1, () => this.write()],
      [2, () => this.makeStep()],
      [5, () => this.callStep()],
      [1, () => this.readStale()],
      [1, () => this.moveHome()],
      [1, () => this.settle()],
      [1, () => this.forget()],
    ]
    let left = this.choose(actions.reduce((sum, [weight]) => sum + weight, 0))
    for (const [weight, act] of actions) {
      left -= weight
      if (left < 0) return act()
    }
  }

  /** Reads everything that can be read. */
  async finish(): Promise<void> {
    await this.settle()
    await this.compare([...this.readable(), ...this.cells.map((_, i) => this.cellNow(i))])
    for (const step of this.steps) step.compiled.release()
  }

  private randomMatrix(): Matrix {
    const seed = this.choose(1000)
    return matrix(size, size, (r, c) => ((seed * (3 * r + c + 1)) % 19) - 9)
  }

  private hold(name: string, tensor: Tensor, known: Known, value: Matrix, stale = never): Held {
    const held: Held = { name: `${name}${this.names++}`, tensor, known, value, stale, moves: this.moves }
    this.pool.push(held)
    if (this.pool.length > 24) this.pool.splice(this.choose(this.pool.length), 1)
    return held
  }

  private cellNow(i: number): Held {
    return {
      name: `cell ${i}`,
      tensor: this.cells[i] as Cell,
      known: whole,
      value: this.values[i] as Matrix,
      stale: never,
      moves: this.moves,
    }
  }

  private readable(): Held[] {
    return this.pool.filter((h) => !h.stale())
  }

  /** Something readable, or a variable under its own handle. */
  private pick(): Held {
    const list = this.readable()
    const i = this.choose(list.length + this.cells.length)
    return list[i] ?? this.cellNow(i - list.length)
  }

  private makeData(): void {
    const value = this.randomMatrix()
    const held = this.hold('data', tensorOf(value), whole, value)
    this.log.push(`${held.name} = data`)
  }

  private makeOp(): void {
    const name = opNames[this.choose(opNames.length)] as string
    const [a, b] = [this.pick(), this.pick()]
    const known = knownAfter(name, a.known, b.known)
    if (!known) return
    const body: Body = { instructions: [{ kind: 'op', op: name, a: 0, b: 1 }], outputs: [2] }
    const [tensor] = runOnTensors(body, [], [a.tensor, b.tensor])
    const [value] = runOnMatrices(body, [], [a.value, b.value])
    // An op that has nothing to do answers the handle it was given.
    if (tensor === a.tensor) return
    const held = this.hold('op', tensor as Tensor, known, value as Matrix)
    this.log.push(`${held.name} = ${name} ${a.name} ${b.name}`)
  }

  private pinCell(): void {
    const i = this.choose(this.cells.length)
    const held = this.hold('pin', detach(this.cells[i] as Cell), whole, this.values[i] as Matrix)
    this.log.push(`${held.name} = cell ${i}`)
  }

  /** Starts to read; what comes back is compared at the next {@link settle}. */
  private read(n: number): void {
    const list = Array.from({ length: n }, () => this.pick())
    this.log.push(`read ${list.map((h) => h.name).join()}`)
    this.reading.push(this.compare(list))
  }

  private async compare(list: readonly Held[]): Promise<void> {
    const read = await readAll(list.map((h) => h.tensor))
    list.forEach((h, k) => {
      const got = Array.from(read[k] ?? [])
      const want = Array.from(h.value.data)
      if (got.length !== want.length || got.some((v, i) => v !== want[i]))
        throw new Error(`${h.name} is [${got.join()}] and must be [${want.join()}]`)
    })
  }

  private async settle(): Promise<void> {
    this.log.push('settle')
    const { reading } = this
    this.reading = []
    await Promise.all(reading)
  }

  /** Drops half of the handles, so that their memory goes to others while steps still wait in the queue. */
  private async forget(): Promise<void> {
    this.pool.splice(0, this.pool.length >> 1)
    this.log.push('forget')
    await sweep(1)
  }

  /** Reading an overwritten output, or computing with it, must throw. */
  private async readStale(): Promise<void> {
    const held = this.pool.find((h) => h.stale() && h.moves === this.moves)
    if (!held) return
    this.log.push(`read stale ${held.name}`)
    const error = await held.tensor.data().catch((e: unknown) => e)
    if (!(error instanceof StaleOutputError)) throw new Error(`${held.name} is stale and was read`)
  }

  private assignOutside(): void {
    const first = [this.pick(), this.pick()]
    const writer = new BodyWriter(
      first.map((h) => h.known),
      this.choose,
    )
    const body = this.writeBody(writer, 2)
    this.log.push(`assign with ${first.map((h) => h.name).join()}: ${describeBody(body)}`)
    runEffects(() => {
      runOnTensors(
        body,
        this.cells,
        first.map((h) => (h.tensor instanceof Cell ? h.tensor.now() : h.tensor)),
      )
    })
    runOnMatrices(
      body,
      this.values,
      first.map((h) => h.value),
    )
  }

  private write(): void {
    const i = this.choose(this.cells.length)
    const value = this.randomMatrix()
    this.log.push(`write cell ${i}`)
    writeVariable((this.cells[i] as Cell).variable, Float32Array.from(value.data).buffer)
    this.values[i] = value
  }

  /** Ops, reads and assignments; with a swap or a transposed update now and then. */
  private writeBody(writer: BodyWriter, most: number): Body {
    const cells = this.cells.length
    const work = 1 + this.choose(most)
    for (let k = 0; k < work; k++) {
      const kind = this.choose(8)
      if (kind < 2) writer.read(this.choose(cells))
      else if (kind < 6) writer.randomOp()
      else if (kind === 6) {
        const [i, j] = [this.choose(cells), this.choose(cells)]
        const [a, b] = [writer.read(i), writer.read(j)]
        writer.assign(i, b)
        writer.assign(j, a)
      } else {
        const i = this.choose(cells)
        const a = writer.read(i)
        writer.assign(i, writer.op('transpose', a, a) as number)
      }
    }
    const assigns = this.choose(3)
    for (let k = 0; k < assigns && writer.known.length > 0; k++)
      writer.assign(this.choose(cells), this.choose(writer.known.length))
    const outputs =
      writer.known.length === 0 ? [] : Array.from({ length: this.choose(3) }, () => this.choose(writer.known.length))
    return { instructions: writer.instructions, outputs }
  }

  private makeStep(): void {
    if (this.steps.length >= 3) return
    const takes = Array.from({ length: this.choose(3) }, () => this.pick().known)
    const captured = Array.from({ length: this.choose(2) }, () => this.pick()).filter(
      (h) => !(h.tensor instanceof Cell),
    )
    const writer = new BodyWriter([...takes, ...captured.map((h) => h.known)], this.choose)
    const body = this.writeBody(writer, 6)
    const ring = 1 + this.choose(3)
    const way = this.ways[this.choose(this.ways.length)] as CompileOptions
    const inside = captured.map((h) => h.tensor)
    const compiled = compile((...args: Tensor[]) => runOnTensors(body, this.cells, [...args, ...inside]), {
      ...way,
      ring,
    })
    const outputs = body.outputs.map((o) => writer.known[o] as Known)
    const name = `step ${this.names++}`
    this.steps.push({ name, body, takes, captured, compiled, ring, outputs, calls: 0 })
    const holds = captured.map((h) => h.name).join()
    this.log.push(
      `${name} of ${takes.length}, holding ${holds}, ring ${ring}, ${JSON.stringify(way)}: ${describeBody(body)}`,
    )
  }

  private callStep(): void {
    const step = this.steps[this.choose(Math.max(1, this.steps.length))]
    if (!step || step.captured.some((h) => h.stale())) return
    const args: Held[] = []
    for (const need of step.takes) {
      const fits = (h: Held): boolean => String(h.known.shape) === String(need.shape) && h.known.bound <= need.bound
      const list = [...this.readable(), ...this.cells.map((_, i) => this.cellNow(i))].filter(fits)
      const arg = list[this.choose(Math.max(1, list.length))]
      if (!arg) return
      args.push(arg)
    }
    const before = args.map((h) => h.value)
    const call = step.calls++
    const results = step.compiled(...args.map((h) => h.tensor))
    const values = runOnMatrices(step.body, this.values, [...before, ...step.captured.map((h) => h.value)])
    this.log.push(`call ${call} of ${step.name} with ${args.map((h) => h.name).join()}`)
    results.forEach((tensor, i) => {
      this.hold('out', tensor, step.outputs[i] as Known, values[i] as Matrix, () => step.calls >= call + 1 + step.ring)
    })
  }

  /** Two variables move into one arena, as an optimizer's parameters do. */
  private moveHome(): void {
    const free = this.cells.filter((c) => !c.variable.arena)
    if (free.length < 2) return
    const moved = free.slice(0, 2).map((c) => c.variable)
    const { offsets, bytes } = layOut(moved)
    const arena = new Variable(zeros([bytes / 4]).value, 'arena', false)
    this.moves++
    this.log.push(`home ${moved.map((v) => v.label).join()}`)
    moved.forEach((v, i) => {
      v.home(arena, offsets[i] as number)
    })
  }
}
