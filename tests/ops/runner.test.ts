import { afterAll, beforeAll, expect, test } from 'vitest'
import { defineKernel } from '../../src/gpu/kernel.ts'
import type { KernelOp } from '../../src/graph/op.ts'
import { call1 } from '../../src/graph/tensor.ts'
import type { Spec } from '../../src/graph/value.ts'
import { type Device, detach, openDevice } from '../../src/node.ts'
import { defineCheck, type OpCheck } from './check.ts'
import { compare } from './compare.ts'
import { elementwise } from './reference.ts'
import { runCheck, runChecks } from './runner.ts'

let gpu: Device

beforeAll(async () => {
  gpu = await openDevice({ guard: true })
})

afterAll(() => gpu?.close())

function square(more: Partial<OpCheck<undefined>>): OpCheck {
  return defineCheck<undefined>({
    op: 'square',
    call: ([x]) => x!.mul(x!),
    reference: (inputs) => elementwise(inputs, ([x = 0]) => x * x),
    samples: [{ inputs: [{ shape: [2, 2], values: [1, 2, 3, 4] }], why: 'small' }],
    differentiable: true,
    ...more,
  })
}

const sample = 'sample 0 (small): f32 [2, 2], seed 1010712838: '

/** Writes `count` elements of a tensor of four. */
function writer(count: number): KernelOp<'x'> {
  const text = `@group(0) @binding(0) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(1)
fn main() {
  for (var i = 0u; i < \${COUNT}; i++) { y[i] = 1.0; }
}
`
  const kernel = defineKernel('test/writer.wgsl', text, { COUNT: 'u32' }, ['y: read_write'])
  return {
    kind: 'kernel',
    name: `writer of ${count}`,
    inputs: ['x'],
    infer: ([x]) => [x as Spec],
    lower: () => [
      { kernel, params: { COUNT: count }, bindings: { y: { output: 0 } }, grid: [1, 1, 1], flops: 0, bytes: 16 },
    ],
    cost: () => ({ flops: 0, bytes: 16 }),
    backward: () => ({ x: null }),
    saves: [],
  }
}

function written(count: number): OpCheck {
  return square({
    call: ([x]) => call1(writer(count), [x!]),
    reference: ([x]) => ({ shape: x!.shape, data: x!.data.map(() => 1) }),
    differentiable: false,
  })
}

test('an op that is right passes, with its largest error and the ops that ran', async () => {
  const result = await runCheck(gpu, square({}))
  expect(result).toMatchObject({ name: 'square', ok: true })
  expect(result.worst?.values).toBeLessThan(1e-6)
  expect(result.worst?.gradients).toBeLessThan(1e-6)
  expect(result.ops).toContain('mul')
})

test('a wrong value fails with the element, both values and the sample', async () => {
  const { message } = await runCheck(gpu, square({ call: ([x]) => x!.mul(x!).add(x!.greater(3).cast('f32')) }))
  expect(message).toBe(
    `${sample}output 0: element 3 of [2, 2] at [1, 1] is 17, expected 16: error 6.25e-2 of the largest, allowed 0.0001`,
  )
})

test('a wrong gradient fails', async () => {
  const { message } = await runCheck(gpu, square({ call: ([x]) => x!.mul(detach(x!)) }))
  expect(message).toContain(`${sample}gradient of input 0: element `)
  expect(message).toContain('its difference quotient')
})

test('a wrong shape fails', async () => {
  const { message } = await runCheck(gpu, square({ call: ([x]) => x!.mul(x!).flatten() }))
  expect(message).toBe(`${sample}output 0 is [4], expected [2, 2]`)
})

test('an element that is not written is NaN and fails', async () => {
  expect((await runCheck(gpu, written(4))).message).toBeUndefined()
  const { message } = await runCheck(gpu, written(3))
  expect(message).toContain('element 3 of [2, 2] at [1, 1] is NaN, expected 1')
})

test('a write past the end fails', async () => {
  const { message } = await runCheck(gpu, written(6))
  expect(message).toBe(`${sample}2 words behind the end of its buffers were overwritten`)
})

test('a call that does not throw as it must fails', async () => {
  const fails = [{ inputs: [[2]], message: 'square: no' }]
  expect((await runCheck(gpu, square({ fails }))).message).toBe('failure 0: nothing was thrown, expected "square: no"')
})

test('a shader that does not compile is laid at the door of its own check', async () => {
  const broken: KernelOp<'x'> = {
    ...writer(1),
    name: 'broken',
    variants: undefined,
    lower: () => {
      const kernel = defineKernel('test/broken.wgsl', '@compute @workgroup_size(1) fn main() { let x = ; }', {}, [])
      return [{ kernel, params: {}, bindings: {}, grid: [1, 1, 1], flops: 0, bytes: 0 }]
    },
  }
  const bad = square({ op: 'bad', call: ([x]) => call1(broken, [x!]), differentiable: false } as Partial<
    OpCheck<undefined>
  >)
  const results = await runChecks(gpu, [square({}), bad, square({})])
  expect(results.map((r) => [r.name, r.ok])).toEqual([
    ['square', true],
    ['bad', false],
    ['square', true],
    ['guard zones', true],
  ])
  expect(results[1]?.message).toContain('test/broken.wgsl')
})

test('NaN equals NaN alone, an infinity itself alone', () => {
  const one = (value: number) => ({ shape: [1], data: Float64Array.of(value) })
  expect(compare([Number.NaN], one(Number.NaN), 0).problem).toBeNull()
  expect(compare([Number.NaN], one(1), 1).problem).not.toBeNull()
  expect(compare([1], one(Number.NaN), 1).problem).not.toBeNull()
  expect(compare([Infinity], one(Infinity), 0).problem).toBeNull()
  expect(compare([Infinity], one(-Infinity), 1).problem).not.toBeNull()
  expect(compare([1], one(Infinity), 1).problem).not.toBeNull()
})
