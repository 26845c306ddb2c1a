import type { DType } from '../../../src/dtype.ts'
import { isFloat } from '../../../src/dtype.ts'
import { Device, setDefaultDevice } from '../../../src/gpu/device.ts'
import type { Op } from '../../../src/graph/op.ts'
import { type Tensor, tensor } from '../../../src/graph/tensor.ts'
import { FakeGpu } from '../../../tests/engine/fake-device.ts'
import { checks } from '../../../tests/ops/all.ts'
import type { InputSpec, OpCheck, Sample } from '../../../tests/ops/check.ts'
import { listed } from '../../../tests/ops/compare.ts'
import { declaredOps, publicFunctions, tensorsOf } from './declared.ts'
import { accepted, dtypes, Tally } from './dtypes.ts'
import { type Seen, Survey } from './survey.ts'

/** One tensor that an op takes. */
export interface InputFacts {
  readonly name: string
  readonly dtypes: readonly DType[]
  readonly gradient: boolean
}

/** What the declarations and the checks say of an op, without running it. */
export interface OpFacts {
  readonly name: string
  readonly tier: 'map' | 'kernel' | 'composite'
  readonly isPublic: boolean
  readonly inputs: readonly InputFacts[]
  /** Names of the checks that its errors come from. */
  readonly checks: readonly string[]
  /** What those checks allow. */
  readonly bounds: { readonly values: number; readonly gradients: number }
}

/** A device with f16 that computes nothing; shapes, dtypes and gradient rules need no more. */
function openBlankDevice(): Device {
  const info = {
    vendor: 'none',
    architecture: '',
    description: 'computes nothing',
    software: false,
    features: ['shader-f16'],
    subgroupSize: null,
  }
  return new Device(new FakeGpu().handle, info, {})
}

function inputsOf(sample: Sample<unknown>, device: Device, change?: readonly DType[]): Tensor[] {
  return sample.inputs.map((input, i) => {
    const { shape, dtype = 'f32' }: InputSpec = 'shape' in input ? input : { shape: input }
    const given = change?.[i] ?? dtype
    const size = shape.reduce((a, b) => a * b, 1)
    return tensor(new Float64Array(size), { shape, dtype: given, device, requiresGrad: isFloat(given) })
  })
}

/** A check is about `name` when it is called so, or so with more words, or in a list. */
function isAbout(check: OpCheck, name: string): boolean {
  return check.op === name || check.op.startsWith(`${name} `) || check.op.split(', ').includes(name)
}

function boundsOf(names: readonly string[]): OpFacts['bounds'] {
  const tolerances = checks.filter((check) => names.includes(check.op)).map((check) => check.tolerance)
  return {
    values: Math.max(1e-4, ...tolerances.map((tolerance) => tolerance?.forward ?? 0)),
    gradients: Math.max(1e-4, ...tolerances.map((tolerance) => tolerance?.backward ?? 0)),
  }
}

/** Puts names to what was found by position; a last name `...xs` stands for all inputs that are left. */
function describeInputs(
  names: readonly string[],
  taken: readonly ReadonlySet<DType>[],
  gradient: readonly boolean[],
): InputFacts[] {
  return names.map((name, i) => {
    const end = name.startsWith('...') ? undefined : i + 1
    const found = new Set(taken.slice(i, end).flatMap((set) => [...set]))
    return {
      name,
      dtypes: dtypes.filter((dtype) => found.has(dtype)),
      gradient: gradient.slice(i, end).some(Boolean),
    }
  })
}

/** Gathers the facts of every public function and every declared op, in order of name. */
export async function collectFacts(): Promise<OpFacts[]> {
  const device = openBlankDevice()
  setDefaultDevice(device)
  const declared = await declaredOps()
  const functions = publicFunctions()
  const survey = new Survey()
  const flows = new Map<string, boolean[]>()
  for (const check of checks) {
    const flow: boolean[] = []
    for (const sample of check.samples) {
      const inputs = inputsOf(sample, device)
      const outputs = listed(check.call([...inputs], sample.attrs))
      const reached = survey.walk(
        outputs.map((y) => y.value),
        check.op,
      )
      inputs.forEach((x, i) => {
        flow[i] = (flow[i] ?? false) || (isFloat(x.dtype) && reached.has(x.value))
      })
    }
    flows.set(check.op, flow)
  }
  const facts = [...functions].map(([name, fn]): OpFacts => {
    const about = checks.filter((check) => isAbout(check, name))
    const main = about.find((check) => check.op === name) ?? about[0]
    if (!main) throw new Error(`no check is named ${name}; give it one in tests/ops, or name it in declared.ts`)
    const op = declared.get(name)
    const given = about.filter((check) => !check.op.endsWith(' expressions'))
    const count = Math.max(...main.samples.map((sample) => sample.inputs.length))
    const names = tensorsOf(name, fn, op, count)
    const taken = new Tally()
    for (const check of given) {
      for (const sample of check.samples.slice(0, 8)) taken.add(takenByCall(check, sample, device))
    }
    const gradient: boolean[] = []
    for (const check of given) {
      flows.get(check.op)?.forEach((has, i) => {
        gradient[i] = (gradient[i] ?? false) || has
      })
    }
    const inputs = describeInputs(names, taken.usual(), gradient)
    const from = about.map((check) => check.op)
    return { name, tier: tierOf(op), isPublic: true, inputs, checks: from, bounds: boundsOf(from) }
  })
  for (const [name, op] of declared) {
    if (!functions.has(name)) facts.push(innerFacts(name, op, survey.ops.get(name)))
  }
  device.close()
  return facts.sort((a, b) => (a.name < b.name ? -1 : 1))
}

const tierOf = (op: Op | undefined): OpFacts['tier'] =>
  op?.kind === 'map' || op?.kind === 'kernel' ? op.kind : 'composite'

function takenByCall(check: OpCheck, sample: Sample<unknown>, device: Device): Set<DType>[] {
  const given = inputsOf(sample, device).map((x) => x.dtype)
  return accepted(given, (list) => check.call(inputsOf(sample, device, list), sample.attrs))
}

/** Facts of an op that other ops are made of. */
function innerFacts(name: string, op: Op, seen: Seen | undefined): OpFacts {
  const about = checks.filter((check) => isAbout(check, name)).map((check) => check.op)
  const effects = checks.filter((check) => check.effects?.includes(name)).map((check) => check.op)
  const from = about.length > 0 ? about : [...(seen?.checks ?? []), ...effects]
  const inputs = describeInputs(
    op.variadic ? [`...${op.inputs[0]}`] : op.inputs,
    seen?.dtypes ?? [],
    seen?.gradient ?? [],
  )
  return { name, tier: tierOf(op), isPublic: false, inputs, checks: from, bounds: boundsOf(from) }
}
