import { grad } from '../../src/autograd.ts'
import { isFloat } from '../../src/dtype.ts'
import { Device, setDefaultDevice } from '../../src/gpu/device.ts'
import { damagedGuards, guardBytes } from '../../src/gpu/pool.ts'
import type { ReadSource } from '../../src/gpu/readback.ts'
import type { Value } from '../../src/graph/value.ts'
import { mul, readAll, sum, type Tensor, tensor } from '../../src/index.ts'
import type { InputSpec, KernelChoice, OpCheck, Ref, Sample } from './check.ts'
import { compare, compareGradient, listed } from './compare.ts'
import { inputValues, randomFrom, seedOf } from './random.ts'

/** The largest error of the outputs, and that of the gradients, which is null where none is compared. */
export interface WorstErrors {
  readonly values: number
  readonly gradients: number | null
}

/** The larger of each kind. */
export function worseOf(a: WorstErrors, b: WorstErrors): WorstErrors {
  const gradients = [a.gradients, b.gradients].filter((error) => error !== null)
  return {
    values: Math.max(a.values, b.values),
    gradients: gradients.length > 0 ? Math.max(...gradients) : null,
  }
}

/** What came of a check; can be sent to another process. */
export interface CheckResult {
  readonly name: string
  readonly ok: boolean
  readonly message?: string
  /** The largest errors, relative to the largest element of their tensor. */
  readonly worst?: WorstErrors
  /** Names of the ops that ran. */
  readonly ops?: readonly string[]
}

/** A sample on its way through the device. */
export interface Prepared {
  readonly title: string
  readonly sample: Sample<unknown>
  readonly refs: Ref[]
  readonly inputs: readonly Tensor[]
  readonly outputs: readonly Tensor[]
  readonly seeds: readonly (Float64Array | null)[]
  readonly wrt: readonly number[]
  readonly gradients: readonly Tensor[]
  readonly random: () => number
}

/** Checks that wait for the device while others compute. */
const atOnce = 3

const twins = new WeakMap<Device, Device>()

/** `gpu`, or the same device under the claim that it is (or is not) a software adapter. */
function deviceFor(gpu: Device, choice: KernelChoice | null): Device {
  const software = choice === null ? gpu.info.software : choice === 'software'
  if (software === gpu.info.software) return gpu
  let twin = twins.get(gpu)
  if (!twin) {
    twin = new Device(gpu.handle, { ...gpu.info, software }, { guard: gpu.guard, submitBudgetMs: 1000 })
    twins.set(gpu, twin)
  }
  return twin
}

function specOf(input: readonly number[] | InputSpec): InputSpec {
  return 'shape' in input ? input : { shape: input }
}

function makeInputs(
  device: Device,
  specs: readonly InputSpec[],
  isWanted: (i: number) => boolean,
  random: () => number,
): { refs: Ref[]; inputs: Tensor[] } {
  const refs = specs.map((s) => ({ shape: s.shape, data: inputValues(s, random) }))
  const inputs = specs.map(({ shape, dtype = 'f32' }, i) =>
    tensor((refs[i] as Ref).data, { shape, dtype, device, requiresGrad: isWanted(i) }),
  )
  return { refs, inputs }
}

function canRun(device: Device, sample: Sample<unknown>): boolean {
  const { features } = device.info
  const usesHalf = sample.inputs.some((s) => specOf(s).dtype === 'f16')
  return (!usesHalf || features.includes('shader-f16')) && (!sample.needs || features.includes(sample.needs))
}

/** Builds a sample's graph; nothing runs yet. */
export function prepare(device: Device, check: OpCheck, index: number): Prepared {
  const sample = check.samples[index] as Sample<unknown>
  const specs = sample.inputs.map(specOf)
  const seed = seedOf(`${check.op} ${index}`)
  const random = randomFrom(seed)
  const kinds = specs.map((s) => `${s.dtype ?? 'f32'} [${s.shape.join(', ')}]`).join(' x ')
  const attrs = sample.attrs === undefined ? '' : ` ${JSON.stringify(sample.attrs)}`
  const why = sample.why ? ` (${sample.why})` : ''
  const title = `sample ${index}${why}: ${kinds}${attrs}, seed ${seed}`
  const { differentiable } = check
  const isWanted = (i: number): boolean =>
    !sample.forwardOnly &&
    isFloat((specs[i] as InputSpec).dtype ?? 'f32') &&
    (typeof differentiable === 'boolean' ? differentiable : differentiable.includes(i))
  try {
    const { refs, inputs } = makeInputs(device, specs, isWanted, random)
    const outputs = listed(check.call([...inputs], sample.attrs))
    const wrt = specs.map((_, i) => i).filter(isWanted)
    const seeds = outputs.map((y) =>
      wrt.length > 0 && isFloat(y.dtype) ? inputValues({ shape: y.shape, dtype: y.dtype }, random) : null,
    )
    const gradients =
      wrt.length === 0
        ? []
        : gradientsOf(
            device,
            outputs,
            seeds,
            wrt.map((i) => inputs[i] as Tensor),
          )
    return { title, sample, refs, inputs, outputs, seeds, wrt, gradients, random }
  } catch (error) {
    throw new Error(`${title}: ${(error as Error).message}`)
  }
}

function gradientsOf(
  device: Device,
  outputs: readonly Tensor[],
  seeds: readonly (Float64Array | null)[],
  wrt: readonly Tensor[],
): Tensor[] {
  const seeded = outputs.flatMap((y, k) => {
    const seed = seeds[k]
    return seed ? [{ y, seed: tensor(seed, { shape: y.shape, dtype: y.dtype, device }) }] : []
  })
  const [first, ...more] = seeded
  if (!first) throw new Error('no output is a float, so there is no gradient; the check must not be differentiable')
  if (more.length === 0) return grad(first.y, wrt, first.seed)
  const loss = seeded.map(({ y, seed }) => sum(mul(y, seed))).reduce((a, b) => a.add(b))
  return grad(loss, wrt)
}

/** Adds the names of the ops behind `tensors`. */
function collectOps(tensors: readonly Tensor[], names: Set<string>): void {
  const seen = new Set<Value>()
  const stack = tensors.map((t) => t.value)
  for (let value = stack.pop(); value; value = stack.pop()) {
    if (seen.has(value)) continue
    seen.add(value)
    if (value.node.op.kind !== 'leaf') names.add(value.node.op.name)
    stack.push(...value.node.inputs)
  }
}

/** The bytes behind the data of each tensor, which hold the guard pattern. */
function guardZones(tensors: readonly Tensor[]): ReadSource[] {
  return tensors.flatMap((t) => {
    const storage = t.value.storage
    if (!storage) return []
    const { block, bytes } = storage
    // Storages have room for a word at least.
    const offset = storage.offset + Math.max(4, bytes)
    return [{ buffer: block.buffer, offset, bytes: block.bytes + guardBytes - offset }]
  })
}

async function countDamage(device: Device, zones: readonly ReadSource[]): Promise<number[]> {
  if (zones.length === 0) return []
  const found = await device.read('guard check', () => zones)
  return found.map((bytes) => damagedGuards(new Uint32Array(bytes)))
}

/** Runs all samples on one device, in one plan and one readback. */
async function runSamples(device: Device, check: OpCheck, ops: Set<string>): Promise<WorstErrors> {
  setDefaultDevice(device)
  const prepared = check.samples.flatMap((sample, i) => (canRun(device, sample) ? [prepare(device, check, i)] : []))
  const all = prepared.flatMap((p) => [...p.outputs, ...p.gradients])
  collectOps(all, ops)
  const arrays = await readAll(all)
  let next = 0
  let worst: WorstErrors = { values: 0, gradients: null }
  for (const p of prepared) {
    const { attrs } = p.sample
    const expected = listed(
      check.reference(
        p.refs.map((r) => ({ shape: r.shape, data: r.data.slice() })),
        attrs,
      ),
    )
    if (expected.length !== p.outputs.length) {
      throw new Error(`${p.title}: ${p.outputs.length} outputs, expected ${expected.length}`)
    }
    p.outputs.forEach((y, k) => {
      const ref = expected[k] as Ref
      const actual = arrays[next++] as ArrayLike<number>
      if (y.shape.join() !== ref.shape.join()) {
        throw new Error(`${p.title}: output ${k} is [${y.shape.join(', ')}], expected [${ref.shape.join(', ')}]`)
      }
      const allowed = isFloat(y.dtype) ? (check.tolerance?.forward ?? 1e-4) : 0
      const distance = compare(actual, ref, allowed)
      if (distance.problem) throw new Error(`${p.title}: output ${k}: ${distance.problem}`)
      worst = worseOf(worst, { values: distance.worst, gradients: null })
    })
    for (const which of p.wrt) {
      const actual = arrays[next++] as ArrayLike<number>
      const distance = compareGradient(check, p.refs, attrs, which, p.seeds, actual, p.random)
      if (distance.problem) throw new Error(`${p.title}: gradient of input ${which}: ${distance.problem}`)
      worst = worseOf(worst, { values: 0, gradients: distance.worst })
    }
  }
  if (device.guard) {
    for (const p of prepared) {
      const tensors = [...p.outputs, ...p.gradients, ...p.inputs]
      const damage = await countDamage(device, guardZones(tensors))
      const words = damage.reduce((a, b) => a + b, 0)
      if (words > 0) throw new Error(`${p.title}: ${words} words behind the end of its buffers were overwritten`)
    }
  }
  return worst
}

function runFailures(gpu: Device, check: OpCheck): void {
  setDefaultDevice(gpu)
  check.fails?.forEach((failure, i) => {
    const specs = (failure.inputs ?? []).map(specOf)
    const { inputs } = makeInputs(gpu, specs, () => false, randomFrom(i + 1))
    let message: string | null = null
    try {
      if (failure.call) failure.call(inputs)
      else check.call(inputs, failure.attrs)
    } catch (error) {
      message = (error as Error).message
    }
    if (message !== failure.message) {
      throw new Error(
        `failure ${i}: ${message === null ? 'nothing was thrown' : `the message is "${message}"`}, expected "${failure.message}"`,
      )
    }
  })
}

/** Runs one check. */
export async function runCheck(gpu: Device, check: OpCheck): Promise<CheckResult> {
  const name = check.op
  const ops = new Set(check.effects)
  let worst: WorstErrors = { values: 0, gradients: null }
  let at = ''
  try {
    for (const choice of check.kernels ?? [null]) {
      at = choice === null ? '' : `${choice} kernels: `
      worst = worseOf(worst, await runSamples(deviceFor(gpu, choice), check, ops))
    }
    at = ''
    runFailures(gpu, check)
    return { name, ok: true, worst, ops: [...ops] }
  } catch (error) {
    return { name, ok: false, message: at + (error as Error).message }
  } finally {
    setDefaultDevice(gpu)
  }
}

/** Looks behind every buffer that is in use; a check cannot see those of its intermediate values. */
async function checkGuards(gpu: Device): Promise<CheckResult> {
  const name = 'guard zones'
  try {
    for (const device of [gpu, twins.get(gpu)]) {
      if (!device?.guard) continue
      const blocks = device.pool.blocks()
      const zones = blocks.map((b) => ({ buffer: b.buffer, offset: b.bytes, bytes: guardBytes }))
      const damage = await countDamage(device, zones)
      const bad = damage.findIndex((n) => n > 0)
      if (bad >= 0) {
        const block = blocks[bad]
        return {
          name,
          ok: false,
          message: `buffer "${block?.buffer.label}" of ${block?.bytes} bytes was written past its end`,
        }
      }
    }
    return { name, ok: true }
  } catch (error) {
    return { name, ok: false, message: (error as Error).message }
  }
}

/**
 * Runs the checks on a device opened with `guard: true` and answers with their results in order, the last one being that of the
 * guard zones. Knows nothing of where it runs.
 */
export async function runChecks(
  gpu: Device,
  checks: readonly OpCheck[],
  onResult: (result: CheckResult) => void = () => {},
): Promise<CheckResult[]> {
  const results = new Array<CheckResult>(checks.length)
  let next = 0
  const work = async (): Promise<void> => {
    while (next < checks.length) {
      const i = next++
      const result = await runCheck(gpu, checks[i] as OpCheck)
      results[i] = result
      if (result.ok) onResult(result)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  await runAlone(gpu, checks, results)
  for (const result of results) if (!result.ok) onResult(result)
  const guards = await checkGuards(gpu)
  onResult(guards)
  return [...results, guards]
}

/** A device reports an error to whoever reads next, so checks that failed are run again by themselves to find whose it was. */
async function runAlone(gpu: Device, checks: readonly OpCheck[], results: CheckResult[]): Promise<void> {
  const failed = results.map((_, i) => i).filter((i) => !results[i]?.ok)
  const again = new Map<number, CheckResult>()
  for (const i of failed) again.set(i, await runCheck(gpu, checks[i] as OpCheck))
  const isExplained = [...again.values()].some((r) => !r.ok)
  for (const [i, result] of again) {
    const first = results[i] as CheckResult
    if (!result.ok || isExplained) results[i] = result
    else results[i] = { ...first, message: `${first.message} (but it passes when it runs alone)` }
  }
}
