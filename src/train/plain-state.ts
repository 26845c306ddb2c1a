import { WgradError } from '../errors.ts'
import type { OptimizerState } from '../optim/state.ts'
import type { Json } from './json.ts'
import { fromText, isRecord } from './plain.ts'

/** A training's state but for its tensors. */
export interface PlainState {
  readonly generator: { readonly seed: number; readonly offset: number }
  readonly optimizer: Omit<OptimizerState, 'moments'> | null
  readonly schedulers: readonly unknown[]
  readonly accumulator: { readonly every: number; readonly pending: number } | null
  readonly average: { readonly decay: number } | null
  readonly loader: { readonly state: unknown; readonly batches: Readonly<Record<string, unknown>> } | null
  readonly parts: Readonly<Record<string, unknown>>
  /** Which kernel does which work, as `device.variants` has it, used or pinned: the bits depend on it. */
  readonly variants: Readonly<Record<string, string>>
}

/** How far a training was, and what its owner kept beside it. */
export interface PlainPlace {
  readonly step: number
  readonly epoch: number
  readonly extra: Json
}

type Check = (value: unknown) => boolean

const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0
const isNull: Check = (value) => value === null
const isNumber: Check = (value) => typeof value === 'number'
const isText: Check = (value) => typeof value === 'string'
const either =
  (...checks: readonly Check[]): Check =>
  (value) =>
    checks.some((check) => check(value))
const each =
  (check: Check): Check =>
  (value) =>
    isRecord(value) && Object.values(value).every(check)
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check)
const fields =
  (checks: Readonly<Record<string, Check>>): Check =>
  (value) =>
    isRecord(value) && Object.entries(checks).every(([key, check]) => Object.hasOwn(value, key) && check(value[key]))
const anything: Check = () => true

const clip = fields({ kind: isText, max: either(isNull, isNumber) })

const checks: Readonly<Record<keyof PlainState | keyof PlainPlace, Check>> = {
  step: isCount,
  epoch: isCount,
  extra: anything,
  generator: fields({ seed: isCount, offset: isCount }),
  optimizer: either(
    isNull,
    fields({ name: isText, steps: isCount, options: listOf(isRecord), clip: either(isNull, clip) }),
  ),
  schedulers: listOf(anything),
  accumulator: either(isNull, fields({ every: isCount, pending: isCount })),
  average: either(isNull, fields({ decay: isNumber })),
  loader: either(isNull, fields({ state: anything, batches: isRecord })),
  parts: isRecord,
  variants: each(isText),
}

/** The state in a file, whose fields are all there and of the right kind, whoever wrote it. */
export function parseState(text: string): PlainState & PlainPlace {
  let state: unknown
  try {
    state = fromText(text)
  } catch (cause) {
    throw new WgradError(`its state is no JSON (${String(cause)}); give a file of saveCheckpoint`)
  }
  const found = isRecord(state) ? state : {}
  const wrong = Object.entries(checks).find(([key, check]) => !Object.hasOwn(found, key) || !check(found[key]))
  if (wrong) {
    const [key] = wrong
    throw new WgradError(`its state has ${key}: ${JSON.stringify(found[key])}; give a file of saveCheckpoint`)
  }
  return found as unknown as PlainState & PlainPlace
}
