import { WgradError } from '../errors.ts'
import type { Program } from '../gpu/pipelines.ts'
import { formatBytes } from '../gpu/pool.ts'
import { formatShape, numel } from '../shape.ts'
import { type Choice, type Chooser, lowerNode } from './choose.ts'
import { settleEffects } from './effects.ts'
import { type Emitted, emitCall, emitMap } from './emit.ts'
import { hostOp, readOp, type VariableRead } from './leaf.ts'
import { type DeviceTraits, traitsOf } from './op.ts'
import { type Fusion, fuse } from './passes/fuse.ts'
import type { Group } from './passes/groups.ts'
import { joinMoments, joinSums } from './passes/join.ts'
import { simplify } from './passes/simplify.ts'
import { namedNode, narrowStorage } from './passes/storage.ts'
import { type GraphProgram, leavesOf } from './program.ts'
import { type Arranged, arrange, circleError, type Place, poisonProgram, type Retry } from './tasks.ts'
import { formatSite, type Spec, specBytes, type Value } from './value.ts'
import type { Variable } from './variable.ts'

/** How a plan is built; anything but the default is for tests. */
export interface PlanOptions {
  /** Values share memory over time. */
  readonly reuse: boolean
  /** A seed for a random legal order. */
  readonly order?: number
  /** Fill each value's memory with NaN when it dies. */
  readonly poison: boolean
  /** Outputs are written to buffers given at each run, or kept in slots from which the runner copies them. */
  readonly outputs: 'direct' | 'slots'
  /** How activations are kept; f32 unless given. */
  readonly storage?: 'f32' | 'f16'
  /** What picks among several kernels; the device's table unless given. */
  readonly chooser?: Chooser
}

/** Workgroups along one axis of a dispatch, the same on every device. */
const maxGroups = 65535

/** One dispatch. */
export interface PlanStep {
  readonly op: string
  /** `matmul [64, 256] at train.ts:12:7` */
  readonly label: string
  readonly program: Program
  readonly bindings: readonly { readonly place: Place; readonly bytes: number }[]
  readonly grid: readonly [number, number, number]
  readonly flops: number
  readonly bytes: number
}

/** A frozen list of dispatches over places that are bound to buffers later. */
export interface Plan {
  readonly steps: readonly PlanStep[]
  /** Bytes of each slot that values share over time. */
  readonly slots: readonly number[]
  /** The largest value of each slot, for messages. */
  readonly slotNames: readonly string[]
  /** Bytes of each buffer that the plan keeps for itself, zero at first. */
  readonly fixed: readonly number[]
  /** Bytes of the buffer of host numbers, and where each host leaf stands in it. */
  readonly hostBytes: number
  readonly hosts: readonly { readonly leaf: number; readonly offset: number }[]
  readonly outputs: readonly { readonly spec: Spec; readonly place: Place }[]
  /** Indices into the program's variables that the plan writes. */
  readonly writes: readonly number[]
  /** Each piece of work that has several kernels, with the one taken. */
  readonly choices: ReadonlyMap<string, Choice>
  readonly flops: number
}

/** The variables of a program in the order of first mention. */
export function variablesOf(program: GraphProgram): Variable[] {
  const found = new Set<Variable>()
  for (const leaf of leavesOf(program))
    if (leaf.node.op === readOp && !leaf.storage) found.add((leaf.node.payload as VariableRead).variable)
  for (const e of program.effects) {
    if (e.kind === 'assign') found.add(e.variable)
    else for (const [v] of e.writes) found.add(v)
  }
  return [...found]
}

/** Turns a traced program into a plan. Pure: needs no GPU. */
export function buildPlan(program: GraphProgram, options: PlanOptions): Plan {
  const traits = traitsOf(program.device)
  const leaves = leavesOf(program)
  const variables = variablesOf(program)
  const joined = joinMoments(joinSums(simplify(program)), traits)
  const simple = options.storage === 'f16' ? withNarrowStorage(joined, traits) : joined
  const variableIndex = new Map(variables.map((v, i) => [v, i]))
  const levels = new Map<string, number>()
  for (;;) {
    const settled = settleEffects(simple, levels)
    const choices = new Map<string, Choice>()
    const fusion = fuse(settled.program, settled.wanted, traits, (node, op) =>
      lowerNode(node, op, traits, options.chooser ?? program.device.variants, choices),
    )
    const arranged: Arranged | Retry = arrange(settled, fusion, options, variableIndex)
    if (arranged.kind === 'done')
      return {
        ...finishPlan(settled.program, simple.outputs, fusion, arranged, leaves, variableIndex, traits),
        choices,
      }
    for (const key of arranged.keys) {
      const level = (levels.get(key) ?? 0) + 1
      if (level > 2) throw circleError()
      levels.set(key, level)
    }
  }
}

/** The program with activations kept as f16, where they need a buffer at all. */
function withNarrowStorage(program: GraphProgram, traits: DeviceTraits): GraphProgram {
  const { program: settled, wanted } = settleEffects(program, new Map())
  const { groups } = fuse(settled, wanted, traits, () => [])
  return narrowStorage(program, new Set(groups.flatMap((g) => g.outputs)))
}

function finishPlan(
  program: GraphProgram,
  specs: readonly Spec[],
  fusion: Fusion,
  arranged: Arranged,
  leaves: readonly Value[],
  variableIndex: ReadonlyMap<Variable, number>,
  traits: DeviceTraits,
): Omit<Plan, 'choices'> {
  const leafIndex = new Map(leaves.map((v, i) => [v, i]))
  const hosts: { leaf: number; offset: number }[] = []
  let hostBytes = 0
  const hostPlace = new Map<Value, Place>()
  const placeOf = (value: Value): Place => {
    const known = arranged.places.get(value) ?? hostPlace.get(value)
    if (known) return known
    if (value.node.op === readOp && !value.storage)
      return {
        space: 'variable',
        index: variableIndex.get((value.node.payload as VariableRead).variable) as number,
        offset: 0,
      }
    const leaf = leafIndex.get(value)
    if (leaf === undefined) throw new WgradError(`plan: ${value.node.op.name} ${formatShape(value.shape)} has no place`)
    if (value.node.op === hostOp) {
      const place: Place = { space: 'host', index: 0, offset: hostBytes }
      hosts.push({ leaf, offset: hostBytes })
      hostBytes += Math.ceil((4 * numel(value.shape)) / 256) * 256
      hostPlace.set(value, place)
      return place
    }
    return { space: 'leaf', index: leaf, offset: 0 }
  }

  const steps: PlanStep[] = []
  const add = (group: Group, task: number, emitted: Emitted, flops: number, bytes: number): void => {
    const bindings = emitted.uses.map((use) => {
      if ('value' in use) return { place: placeOf(use.value), bytes: Math.max(4, specBytes(use.value)) }
      const { operand } = use
      if ('output' in operand) {
        const value = group.outputs[operand.output] as Value
        return { place: placeOf(value), bytes: Math.max(4, specBytes(value)) }
      }
      if ('temp' in operand)
        return {
          place: { space: 'slot' as const, index: arranged.temps.get(`${task}:${operand.temp}`) as number, offset: 0 },
          bytes: operand.bytes,
        }
      if ('state' in operand) {
        const variable = (group.node.payload as readonly Variable[])[operand.state] as Variable
        return {
          place: { space: 'variable' as const, index: variableIndex.get(variable) as number, offset: 0 },
          bytes: Math.max(4, specBytes(variable)),
        }
      }
      throw new WgradError('plan: an input operand was not resolved')
    })
    for (const b of bindings) {
      if (b.bytes > traits.maxBindingBytes) {
        throw new WgradError(
          `${group.node.op.name}: binds ${formatBytes(b.bytes)} at once, and this device's limit is ${formatBytes(traits.maxBindingBytes)}; use a smaller batch`,
        )
      }
    }
    if (emitted.grid.some((n) => n > maxGroups)) {
      throw new WgradError(
        `${group.node.op.name}: needs a grid of ${emitted.grid.join(' x ')} workgroups; WebGPU allows ${maxGroups} along an axis: use a smaller batch`,
      )
    }
    const shape = group.root ? ` ${formatShape(group.root.shape)}` : ''
    const { op, site: at } = namedNode(group.node)
    const site = formatSite(at)
    steps.push({
      op: op.name,
      label: `${op.name}${shape}${site ? ` at ${site}` : ''}`,
      program: emitted.program,
      bindings,
      grid: emitted.grid,
      flops,
      bytes,
    })
  }

  arranged.tasks.forEach((task, at) => {
    const { group } = task
    if (group.root && numel(group.root.shape) === 0) return
    if (group.kind === 'map') {
      const emitted = emitMap(group, fusion, task.inPlace)
      const root = group.root as Value
      const flops = numel(root.shape) * mapFlops(root, fusion)
      // Of an input that is larger than the output, as behind a slice, only a part is read.
      const read = group.reads.map((v) => Math.min(specBytes(v), specBytes({ shape: root.shape, dtype: v.dtype })))
      add(group, task.id, emitted, flops, specBytes(root) + read.reduce((sum, bytes) => sum + bytes, 0))
    } else {
      for (const call of group.calls) add(group, task.id, emitCall(group, call, fusion), call.flops, call.bytes)
    }
    for (const dead of arranged.poison.get(at) ?? []) {
      const { program: poison, grid } = poisonProgram(dead.bytes)
      steps.push({
        op: 'poison',
        label: 'poison',
        program: poison,
        bindings: [{ place: { space: 'slot', index: dead.slot, offset: 0 }, bytes: dead.bytes }],
        grid,
        flops: 0,
        bytes: dead.bytes,
      })
    }
  })
  // An output that is a reshape of a stored value is stored under that value's shape.
  const outputs = arranged.outputs.map((value, i) => ({
    spec: { shape: (specs[i] as Spec).shape, dtype: value.dtype },
    place: placeOf(value),
  }))
  const writes = new Set<number>()
  for (const e of program.effects) {
    if (e.kind === 'assign') writes.add(variableIndex.get(e.variable) as number)
    else for (const [v] of e.writes) writes.add(variableIndex.get(v) as number)
  }
  return {
    steps,
    slots: arranged.slots,
    slotNames: arranged.slotNames,
    fixed: arranged.fixed,
    hostBytes,
    hosts,
    outputs,
    writes: [...writes],
    flops: steps.reduce((sum, s) => sum + s.flops, 0),
  }
}

/** FLOPs for one element of a stored expression, with what was inlined into it. */
function mapFlops(value: Value, fusion: Fusion): number {
  const { op, attrs, inputs } = value.node
  const own = op.kind === 'map' ? op.flops(attrs as never) : 0
  return inputs.reduce((sum, v) => sum + (fusion.inlined(v) ? mapFlops(v, fusion) : 0), own)
}
