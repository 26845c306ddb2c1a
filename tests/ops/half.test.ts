import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cast, type Device, tensor } from '../../src/index.ts'
import { openDevice } from '../../src/node.ts'
import { checks } from './all.ts'
import type { InputSpec, OpCheck, Sample } from './check.ts'
import { runCheck } from './runner.ts'

let gpu: Device

beforeAll(async () => {
  gpu = await openDevice({ guard: true })
})

afterAll(() => gpu?.close())

/** Checks of ops whose kernels read buffers of f16 as well as of f32. */
const chosen = ['matmul', 'conv2d', 'convInputGrad', 'convWeightGrad', 'maxPool2d', 'avgPool2d', 'gather', 'embedding']

/** The input as f16: values that f16 holds, distinct ones where they were distinct. */
function half(input: readonly number[] | InputSpec): InputSpec {
  const spec: InputSpec = 'shape' in input ? (input as InputSpec) : { shape: input }
  if (spec.dtype !== undefined && spec.dtype !== 'f32') return spec
  return { ...spec, dtype: 'f16', ...(spec.step === undefined ? {} : { step: 1 / 64 }) }
}

/** Samples of each check: a software driver takes its time to compile. */
const few = 4

/** The check with its inputs as f16: all of them, or the first alone, so that the kernels read both types. */
function halved(check: OpCheck, isMixed: boolean): OpCheck {
  const { fails: _, ...rest } = check
  return {
    ...rest,
    samples: check.samples.slice(0, few).map(
      (s): Sample<unknown> => ({
        ...s,
        inputs: s.inputs.map((input, i) => (isMixed && i > 0 ? input : half(input))),
      }),
    ),
    tolerance: {
      forward: 2e-3,
      backward: 4e-3,
      why: 'f16 results, and gradients on their way, are rounded to 11 bits',
    },
  }
}

const adapter = await navigator.gpu.requestAdapter()
if (adapter?.features.has('shader-f16')) {
  describe.each(chosen)('%s', { timeout: 300_000 }, (name) => {
    const check = checks.find((c) => c.op === name) as OpCheck

    test('of f16', async () => {
      const { message, ops } = await runCheck(gpu, halved(check, false))
      expect(message ?? '').toBe('')
      expect(ops?.length).toBeGreaterThan(0)
    })

    if (check.samples.some((s) => s.inputs.length > 1 && !('shape' in (s.inputs[1] as object)))) {
      test('of f16 and f32', async () => {
        const { message } = await runCheck(gpu, halved(check, true))
        expect(message ?? '').toBe('')
      })
    }
  })
} else {
  test('f16 is refused on an adapter that has none', () => {
    expect(() => cast(tensor([1], { device: gpu }), 'f16')).toThrow(
      'cast: dtype f16 on a device without shader-f16; use f32',
    )
  })
}
