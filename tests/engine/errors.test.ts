import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { defineKernel } from '../../src/gpu/kernel.ts'
import type { KernelOp } from '../../src/graph/op.ts'
import { call1 } from '../../src/graph/tensor.ts'
import {
  compile,
  concat,
  type Device,
  DeviceLostError,
  grad,
  openDevice as openInPage,
  StaleOutputError,
  setDefaultDevice,
  spec,
  type Tensor,
  tensor,
  WgradError,
  where,
} from '../../src/index.ts'
import { openDevice } from '../../src/node.ts'
import { Cell } from './cell.ts'

let device: Device

beforeAll(async () => {
  device = await openDevice()
})

afterEach(() => vi.unstubAllGlobals())

/** What a call throws; its first frame outside of the engine must be in this file. */
function thrown(fn: () => unknown): string {
  try {
    fn()
  } catch (error) {
    expect(error).toBeInstanceOf(WgradError)
    const frames = String((error as Error).stack)
      .split('\n')
      .filter((l) => /:\d+:\d+/.test(l))
    expect(frames.find((l) => !/\/src\/|cell\.ts/.test(l))).toContain('errors.test.ts')
    return (error as Error).message
  }
  throw new Error('nothing was thrown')
}

async function rejected(promise: Promise<unknown>): Promise<Error> {
  const error = await promise.then(
    () => null,
    (e: unknown) => e,
  )
  expect(error).toBeInstanceOf(WgradError)
  return error as Error
}

const x = (...shape: number[]): Tensor => tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1), { shape })

describe('at the call', () => {
  test('shapes that do not fit', () => {
    expect(thrown(() => x(2, 3).add(x(4)))).toBe(
      'add: a is [2, 3] and b is [4]; shapes must be equal, or 1, from the last axis backwards',
    )
    expect(thrown(() => x(2, 3).matmul(x(4, 5)))).toMatch(/^matmul: a is \[2, 3\] and b is \[4, 5\]; .*\(3\).*\(4\)/)
    expect(thrown(() => x(2, 3).reshape([4, -1]))).toMatch(/^reshape: .*\[2, 3\].*\[4, -1\]/)
    expect(thrown(() => x(2).sum(1))).toBe('sum: axis 1 of a tensor of rank 1; axes run from -1 to 0')
    expect(thrown(() => concat([x(2, 3), x(2, 4)]))).toMatch(/^concat: f32 \[2, 3\] and f32 \[2, 4\]; /)
    expect(thrown(() => tensor([1, 2, 3], { shape: [2, 2] }))).toBe(
      'tensor: 3 values for the shape [2, 2]; the shape has room for 4',
    )
    expect(thrown(() => tensor([[1, 2], [3]]))).toBe('tensor: rows of shape [2] and [1]; all rows must have one shape')
  })

  test('dtypes that do not fit', () => {
    const i = tensor([1, 2], { dtype: 'i32' })
    expect(thrown(() => i.add(x(2)))).toBe('add: a is i32 and b is f32; dtypes must agree: convert one with cast')
    expect(thrown(() => i.exp())).toBe('exp: x is i32; it must be f32 or f16: convert it with cast')
    expect(thrown(() => where(i, 1, 2))).toMatch(/^where: condition is i32/)
    expect(thrown(() => i.mul(0.5))).toBe(
      'constant: 0.5 met a tensor of i32; give a whole number, or cast the tensor to f32',
    )
    expect(thrown(() => tensor([1.5], { dtype: 'u32' }))).toMatch(/^tensor: element 0 is 1.5, which is no u32/)
  })

  test('gradients that do not exist', () => {
    const w = tensor([1, 2], { requiresGrad: true })
    expect(thrown(() => grad(w.mul(2), [w]))).toBe(
      'grad: y is [2]; it must be a scalar, or a seed of its shape must be given',
    )
    expect(thrown(() => grad(w.sum(), [x(2)]))).toMatch(/^grad: tensor 0 of wrt records no gradient; /)
  })

  test('item of more than one element', async () => {
    expect((await rejected(x(2).item())).message).toBe('item: the tensor is [2]; it must have exactly one element')
  })
})

describe('opening', () => {
  test('an unknown adapter', async () => {
    const error = await rejected(openDevice({ adapter: 'fastest' as 'default' }))
    expect(error.message).toBe(
      "openDevice: adapter is 'fastest'; it must be one of 'default', 'high-performance', 'low-power', 'software'",
    )
  })

  test('without WebGPU', async () => {
    vi.stubGlobal('navigator', {})
    expect((await rejected(openInPage())).message).toMatch(
      /^openDevice: there is no WebGPU here \(navigator\.gpu is missing\); use a browser that has it/,
    )
  })

  test('without an adapter', async () => {
    const gpu = { requestAdapter: async () => null } as unknown as GPU
    expect((await rejected(openInPage({ gpu, adapter: 'low-power' }))).message).toMatch(
      /^openDevice: WebGPU is here but has no adapter for 'low-power'; update the graphics driver/,
    )
  })

  test('with no room at all', async () => {
    expect((await rejected(openDevice({ memoryBudget: 0 }))).message).toBe(
      'openDevice: memoryBudget is 0; it must be a number of bytes above 0',
    )
  })
})

describe('steps', () => {
  test('arguments that are no tensors, and a wrong number of specs', async () => {
    const step = compile((a: Tensor) => a.mul(2))
    expect(thrown(() => step(3 as unknown as Tensor))).toBe(
      'compile: argument 0 is number; arguments are tensors; a number that changes belongs in a tensor',
    )
    expect((await rejected(step.prepare([]))).message).toMatch(/^prepare: 0 specs for a function of 1 argument/)
  })

  test('reading inside of a compiled function', () => {
    const reading = compile((a: Tensor) => {
      a.data().catch((e: Error) => messages.push(e.message))
      return a.mul(2)
    })
    const messages: string[] = []
    reading(x(2))
    return vi.waitFor(() =>
      expect(messages[0]).toBe(
        'read: a tensor was read inside a function that is being compiled; return it from the function and read the result',
      ),
    )
  })

  test('an output that the ring has overwritten', async () => {
    const step = compile((a: Tensor) => a.mul(2), { ring: 2 })
    const first = step(x(2))
    const late = first.add(1)
    step(x(2))
    expect(await first.data()).toEqual(Float32Array.of(2, 2))
    step(x(2))
    const message =
      'read: this is an output of step 0, which step 2 has overwritten; outputs stay readable for 2 steps: read sooner or compile(fn, { ring: 4 })'
    const error = await rejected(first.data())
    expect(error).toBeInstanceOf(StaleOutputError)
    expect(error.message).toBe(message)
    expect(thrown(() => first.add(1))).toBe(message)
    expect(thrown(() => step(first))).toBe(message)
    // What was computed from it in time keeps its value.
    expect(await late.data()).toEqual(Float32Array.of(3, 3))
  })

  test('a number that changes is found by verify, with the node and its line', () => {
    let rate = 0.5
    const step = compile((a: Tensor) => a.add(1).mul(rate), { verify: 1 })
    step(x(2))
    step(x(2))
    rate = 0.25
    const message = thrown(() => step(x(2)))
    expect(message).toMatch(
      /^compile: traced again at step 2, the function differs: node \d+ at errors\.test\.ts:\d+:\d+ was/,
    )
    expect(message).toContain('"value":0.5')
    expect(message).toContain('"value":0.25')
    expect(message).toMatch(/; pass what changes as an argument, or keep it out of the function$/)
  })

  test('a branch that goes another way is found by verify at its turn', () => {
    let deep = false
    const step = compile((a: Tensor) => (deep ? a.relu().exp() : a.relu()), { verify: 3 })
    for (let i = 0; i < 3; i++) step(x(2))
    deep = true
    expect(thrown(() => step(x(2)))).toMatch(
      /step 3, the function differs: node 1 at errors\.test\.ts:\d+:\d+ was `returns #0\.0` and is `exp/,
    )
  })

  test('an assignment outside of a step, or of another shape', () => {
    const a = new Cell(x(2), 'a')
    expect(thrown(() => a.assign(x(2)))).toBe('assign: a was assigned outside of a trace; wrap the call in runEffects')
    expect(thrown(() => compile(() => a.assign(x(3)))())).toBe(
      'assign: a is f32 [2], the value is f32 [3]; both must be equal',
    )
  })
})

/** An op of one input with a shader of its own. */
function kernelOp(name: string, body: string, y = 'array<f32>'): KernelOp<'x'> {
  const kernel = defineKernel(
    `test/${name}.wgsl`,
    `@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: ${y};
@compute @workgroup_size(1) fn main() {
  ${body}
}`,
    {},
    ['x', 'y: read_write'],
  )
  return {
    kind: 'kernel',
    name,
    inputs: ['x'],
    infer: ([s]) => [{ shape: s?.shape ?? [], dtype: 'f32' }],
    lower: () => [
      {
        kernel,
        params: {},
        bindings: { x: { input: 0 }, y: { output: 0 } },
        grid: [1, 1, 1],
        flops: 0,
        bytes: 0,
      },
    ],
    cost: () => ({ flops: 0, bytes: 0 }),
    backward: null,
    saves: [],
  }
}

describe("WebGPU's own errors come back with the op and the line that called it", () => {
  const broken = kernelOp('broken', 'y[0] = nonsense(x[0]);')
  const short = kernelOp('short', 'y[999] = x[0];', 'array<f32, 1000>')

  test('when a shader does not compile, from a read', async () => {
    const { message } = await rejected(call1(broken, [x(2)]).data())
    expect(message).toMatch(/broken \[2\] at errors\.test\.ts:\d+:\d+/)
    expect(message).toMatch(/test\/broken\.wgsl:4: the shader does not compile: .*nonsense/)
    expect(message).toContain('>    4 |   y[0] = nonsense(x[0]);')
    expect(await x(2).add(1).data()).toEqual(Float32Array.of(2, 2))
  })

  test('when a shader does not compile, from prepare', async () => {
    const step = compile((a: Tensor) => call1(broken, [a]))
    const { message } = await rejected(step.prepare([spec([3])]))
    expect(message).toMatch(/broken \[3\] at errors\.test\.ts:\d+:\d+/)
  })

  test('when a dispatch is invalid', async () => {
    const { message } = await rejected(call1(short, [x(2)]).data())
    expect(message).toMatch(/^read: short \[2\] at errors\.test\.ts:\d+:\d+: WebGPU reported: .* too small/s)
    expect(await x(2).add(1).data()).toEqual(Float32Array.of(2, 2))
  })

  test('a kernel that binds what its declaration does not list', async () => {
    const odd: KernelOp<'x'> = {
      ...broken,
      name: 'odd',
      variants: undefined,
      lower: (c) =>
        (broken.lower?.(c) ?? []).map((call) => ({
          ...call,
          kernel: { ...call.kernel, bindings: [...call.kernel.bindings].reverse() },
        })),
    }
    expect((await rejected(call1(odd, [x(2)]).data())).message).toMatch(
      /binds \(x: read, y: read_write\) but its declaration lists \(y: read_write, x: read\); make them equal/,
    )
  })
})

describe('devices', () => {
  test('two at once, each with its own tensors', async () => {
    const other = await openDevice()
    const here = x(2).add(1)
    const there = tensor([5, 6], { device: other })
    expect(await there.mul(2).add(there).data()).toEqual(Float32Array.of(15, 18))
    expect(await here.data()).toEqual(Float32Array.of(2, 2))
    expect(thrown(() => here.add(there))).toBe(
      'add: its inputs are on different devices; read one and make it anew on the other device',
    )
    const step = compile((a: Tensor) => a.mul(3).sum(), { device: other })
    await step.prepare([spec([2])])
    expect(await step(there).item()).toBe(33)
    other.close()
    expect(await here.mul(2).data()).toEqual(Float32Array.of(4, 4))
  })

  test('reading, stepping and making tensors on a closed one', async () => {
    const closed = await openDevice()
    const a = tensor([1, 2], { device: closed })
    const b = a.add(a)
    const step = compile((t: Tensor) => t.add(t))
    step(a)
    await a.add(a).data()
    closed.close()
    closed.close()
    const text = 'the device was closed; open a new device and load the last checkpoint'
    const error = await rejected(b.data())
    expect(error).toBeInstanceOf(DeviceLostError)
    expect(error.message).toBe(`read: ${text}`)
    expect(thrown(() => step(a))).toBe(`step: ${text}`)
    expect(thrown(() => tensor([1], { device: closed }))).toBe(`tensor: ${text}`)
    expect(thrown(() => setDefaultDevice(closed))).toBe(`setDefaultDevice: ${text}`)
    expect(closed.bytes - closed.readback.allocated).toBe(0)
  })

  test('reading on a lost one, before and after it is known', async () => {
    const lost = await openDevice()
    const a = tensor([1, 2], { device: lost })
    const waiting = a.add(a).data()
    lost.handle.destroy()
    const first = await waiting.then(
      (v) => v,
      (e: unknown) => e,
    )
    if (first instanceof Error) expect(first).toBeInstanceOf(DeviceLostError)
    else expect(first).toEqual(Float32Array.of(2, 4))
    await lost.handle.lost
    expect(lost.usable).toBe(false)
    const error = await rejected(a.mul(a).data())
    expect(error).toBeInstanceOf(DeviceLostError)
    expect(error.message).toMatch(
      /^read: the device was lost \(destroyed\): .*; open a new device and load the last checkpoint$/,
    )
  })

  test('the default one is gone once it is closed', async () => {
    const own = await openDevice()
    setDefaultDevice(own)
    own.close()
    expect(thrown(() => tensor([1]))).toBe('wgrad: no device is open; call `await openDevice()` first')
    setDefaultDevice(device)
    expect(await x(1).item()).toBe(1)
  })
})
