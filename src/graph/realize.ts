import { fail } from '../errors.ts'
import type { Device } from '../gpu/device.ts'
import { constantOf } from './constant.ts'
import { arenaOf } from './effects.ts'
import { type HostWrite, Instance } from './instance.ts'
import {
  dataOp,
  type HostNumbers,
  hostBytes,
  padded,
  readOp,
  refuseArguments,
  uploaded,
  type VariableRead,
  writeNumbers,
} from './leaf.ts'
import { baseOf } from './passes/uses.ts'
import { buildPlan, variablesOf } from './plan.ts'
import { collect, type GraphProgram, leavesOf, nodeSignature } from './program.ts'
import { activeTrace, type Effect, Trace, withTrace } from './trace.ts'
import { type Node, Storage, specBytes, type Value } from './value.ts'
import { copyStorage, type Variable } from './variable.ts'

/** Plans of eager reads kept per device; the least recently used one goes first. */
const planLimit = 128
const plans = new WeakMap<Device, Map<string, Instance>>()

/** Computes lazy values into storages of their own. */
export function realize(values: readonly Value[]): void {
  if (activeTrace())
    fail(
      'read',
      'a tensor was read inside a function that is being compiled',
      'return it from the function and read the result',
    )
  const todo: Value[] = []
  for (const value of new Set(values)) {
    if (value.storage) continue
    if (value.node.op === dataOp) uploaded(value)
    else if (value.node.op === readOp) {
      const { variable } = value.node.payload as VariableRead
      initialize([variable])
      value.storage = variable.storage
    } else {
      const base = baseOf(value)
      if (base.node.op === dataOp && !base.pending) value.storage = uploaded(base).slice(0, specBytes(value))
      else todo.push(value)
    }
  }
  if (todo.length === 0) return
  const [first] = todo
  const device = (first as Value).node.device
  const targets: Storage[] = []
  try {
    for (const v of todo) targets.push(Storage.allocate(device, Math.max(4, specBytes(v)), v.node.op.name))
    compute(collect(device, todo, []), targets)
  } catch (error) {
    for (const storage of targets) storage.release()
    throw error
  }
  todo.forEach((value, i) => {
    value.storage = targets[i] as Storage
    const { node } = value
    if (!node.requiresGrad && node.outputs.every((o) => o.storage)) node.inputs = []
  })
}

/** Gives variables their initial values, all in one plan. */
export function initialize(variables: readonly Variable[]): void {
  const lazy: Variable[] = []
  for (const variable of variables) {
    const value = variable.initial
    if (!value) continue
    const bytes = hostBytes(value)
    if (bytes) {
      if (bytes.byteLength > 0) variable.device.write(variable.storage.block, variable.storage.offset, padded(bytes))
    } else if (value.storage) copyStorage(variable.device, value.storage, variable.storage)
    else lazy.push(variable)
  }
  const [first] = lazy
  if (first) {
    const program = collect(
      first.device,
      lazy.map((v) => v.initial as Value),
      [],
    )
    compute(
      program,
      lazy.map((v) => v.storage),
    )
  }
  for (const variable of variables) variable.settle()
}

/** Must be called before a write to `variable` is queued: lazy tensors keep what they saw. */
export function beforeWrite(variable: Variable): void {
  if (variable.initial && variable.hasReader) initialize([variable])
  variable.beforeWrite()
  variable.initial = null
}

/** Overwrites a variable with host bytes. */
export function writeVariable(variable: Variable, bytes: ArrayBuffer): void {
  beforeWrite(variable)
  if (bytes.byteLength > 0) variable.device.write(variable.storage.block, variable.storage.offset, padded(bytes))
}

/** The variables that must hold their values before a program runs. */
export function neededVariables(program: GraphProgram, leaves: readonly Value[]): Variable[] {
  const read = leaves.flatMap((v) => (v.node.op === readOp ? [(v.node.payload as VariableRead).variable] : []))
  const rewritten = program.effects.flatMap((e) => (e.kind === 'mutate' ? e.writes.map(([v]) => v) : []))
  return [...new Set([...read, ...rewritten])]
}

/** Runs `fn` for its effects: as part of the active trace, or at once. */
export function runEffects(fn: () => void): void {
  if (activeTrace()) {
    fn()
    return
  }
  const trace = new Trace()
  withTrace(trace, fn)
  const [effect] = trace.effects
  if (effect) {
    // What the effects are made of may read the very buffers that they write, so as much as can be is computed first.
    const device = effect.kind === 'assign' ? effect.variable.device : effect.node.device
    const isWork = (v: Value): boolean =>
      v.node.op.kind !== 'leaf' && constantOf(v) === null && !readsWritten(device, v)
    realize(trace.effects.flatMap(sourcesOf).filter(isWork))
    compute(collect(device, [], trace.effects), [])
  }
  for (const hook of trace.hooks) hook()
}

/** Gives back at once what was computed for `values`, which nobody may use any more. */
export function discard(values: readonly Value[]): void {
  for (const value of new Set(values)) {
    if (value.node.op !== dataOp && value.storage?.ownsBlock) value.storage.release()
    value.storage = null
  }
}

/** The values that an effect is made of; a pack is laid out where it is used. */
function sourcesOf(effect: Effect): readonly Value[] {
  if (effect.kind === 'assign') return [effect.value]
  return effect.node.inputs.flatMap((v) => (v.node.op.kind === 'pack' ? v.node.inputs : [v]))
}

/** True for a value that is made of what a variable holds only after a write of the same trace. */
function readsWritten(device: Device, value: Value): boolean {
  const leaves = leavesOf(collect(device, [value], []))
  return leaves.some((v) => v.node.op === readOp && (v.node.payload as VariableRead).version > 0)
}

/** Runs a program once; its plan is found again by structure. */
function compute(program: GraphProgram, targets: readonly Storage[]): void {
  const { device } = program
  device.assertUsable('run')
  const leaves = leavesOf(program)
  refuseArguments(leaves)
  initialize(neededVariables(program, leaves))
  const variables = variablesOf(program)
  for (const leaf of leaves) if (leaf.node.op === dataOp) uploaded(leaf)
  const instance = instanceFor(program, leaves, variables)
  // What may be refused for want of memory comes before the first change.
  instance.allocate()
  for (const variable of variables) void variable.storage
  // Values read before this moment are moved out of the way first, as the program itself may read them.
  for (const i of instance.plan.writes) beforeWrite(variables[i] as Variable)
  const groups = instance.bind({
    leaves: leaves.map((v) => v.storage ?? storageOfRead(v)),
    variables,
    outputs: targets,
  })
  const numbers = hostNumbers(instance, leaves, (h) => h.captured)
  if (!instance.ready) device.queue.enqueue({ cost: 0, run: () => instance.compile() })
  device.queue.enqueue({ cost: instance.cost, run: () => instance.run(groups, numbers, [], []) })
}

/** Eager reads of variables were made outside of a trace and are bound by storage. */
function storageOfRead(value: Value): Storage | null {
  if (value.node.op !== readOp) return null
  return (value.node.payload as VariableRead).variable.storage
}

/** A plan's host numbers for one run of an instance that is bound. */
export function hostNumbers(
  instance: Instance,
  leaves: readonly Value[],
  pick: (h: HostNumbers) => readonly number[],
): HostWrite | null {
  const { hosts, hostBytes: bytes } = instance.plan
  if (bytes === 0) return null
  const view = new DataView(new ArrayBuffer(bytes))
  for (const { leaf, offset } of hosts) {
    const value = leaves[leaf] as Value
    writeNumbers(view, offset, value.dtype, pick(value.node.payload as HostNumbers))
  }
  return instance.hostWrite(view.buffer as ArrayBuffer)
}

function instanceFor(program: GraphProgram, leaves: readonly Value[], variables: readonly Variable[]): Instance {
  const known = plans.get(program.device) ?? new Map<string, Instance>()
  plans.set(program.device, known)
  const key = structureOf(program, leaves, variables)
  let instance = known.get(key)
  if (instance) known.delete(key)
  if (instance && !instance.hasVariants) {
    instance.release()
    instance = undefined
  }
  instance ??= new Instance(program.device, buildPlan(program, { reuse: true, poison: false, outputs: 'direct' }))
  known.set(key, instance)
  if (known.size > planLimit) {
    const [oldest] = known
    if (oldest) {
      known.delete(oldest[0])
      oldest[1].release()
    }
  }
  return instance
}

/** A text that is equal for programs which may share a plan. */
function structureOf(program: GraphProgram, leaves: readonly Value[], variables: readonly Variable[]): string {
  const names = new Map<Value, string>()
  const variableName = (v: Variable): string => `${variables.indexOf(v)}`
  const arenas = variables.map(arenaOf)
  leaves.forEach((v, i) => {
    const read = v.node.op === readOp && !v.storage ? (v.node.payload as VariableRead) : null
    const kind = read ? `v${variableName(read.variable)}.${read.version}` : v.storage ? 'd' : v.node.op.name
    names.set(v, `${i}${kind}:${v.dtype}[${v.shape.join()}]`)
  })
  const nameOf = (v: Value): string => names.get(v) as string
  const lines = program.nodes.map((node: Node, i) => {
    node.outputs.forEach((o, k) => {
      names.set(o, `n${i}.${k}`)
    })
    return nodeSignature(node, nameOf)
  })
  const effects = program.effects.map((e) =>
    e.kind === 'assign'
      ? `${variableName(e.variable)}=${nameOf(e.value)}`
      : e.writes.map(([v, n]) => `${variableName(v)}@${n}`).join(),
  )
  const owners = variables.map((v, i) => `${arenas.indexOf(arenas[i] as Variable)}+${v.arenaOffset}`)
  const outputs = program.outputs.map((v) => `${nameOf(v)}:${v.dtype}[${v.shape.join()}]`)
  return [...lines, effects.join(';'), owners.join(';'), outputs.join(';')].join('\n')
}
