import philoxWgsl from '../../shaders/lib/philox.wgsl?raw'
import { fail } from '../errors.ts'
import { type Device, defaultDevice } from '../gpu/device.ts'
import { hostLeaf } from '../graph/leaf.ts'
import type { MapOp } from '../graph/op.ts'
import { call1, Tensor } from '../graph/tensor.ts'
import { activeTrace, type Trace } from '../graph/trace.ts'
import { checkShape } from '../shape.ts'
import { add, div, less, log, mul, sub, where } from './arithmetic.ts'
import type { Operandish } from './elementwise.ts'
import { reshape } from './reshape.ts'
import { cos, sqrt } from './unary.ts'

/** Where the random numbers of a device come from: a seed, and how many ops have drawn so far. */
export interface Generator {
  seed: number
  /** Draws so far; with the seed it is the whole state. */
  offset: number
}

const generators = new WeakMap<Device, Generator>()

/** The generator of a device; its state can be saved and put back. */
export function generator(device: Device = defaultDevice()): Generator {
  let g = generators.get(device)
  if (!g) {
    g = { seed: 0, offset: 0 }
    generators.set(device, g)
  }
  return g
}

/** Starts the device's random numbers anew: the same seed gives the same bits on every device. */
export function manualSeed(seed: number, device: Device = defaultDevice()): void {
  if (!Number.isSafeInteger(seed) || seed < 0)
    fail('manualSeed', `the seed is ${seed}`, 'it must be a whole number from 0 to 2^53 - 1')
  const g = generator(device)
  g.seed = seed
  g.offset = 0
}

type DrawAttrs = { readonly shape: readonly number[]; readonly ordinal: number }

/** Element i of draw n takes word i % 4 of philox(counter (i / 4, n low, n high, 0), key seed). */
export const randomBitsOp: MapOp<'state', DrawAttrs> = {
  kind: 'map',
  name: 'randomBits',
  inputs: ['state'],
  infer: (_, { shape }) => [{ shape, dtype: 'u32' }],
  emit: (w, i, { attrs }) => {
    w.helper('philox', philoxWgsl)
    const key = w.let(`vec2<u32>(${w.load(0, '0u')}, ${w.load(0, '1u')})`)
    const low = w.let(`${w.load(0, '2u')} + ${attrs.ordinal}u`)
    const words = w.let(`philox(vec4<u32>(${i} / 4u, ${low}, ${w.load(0, '3u')}, 0u), ${key})`)
    return `${words}[${i} % 4u]`
  },
  flops: () => 120,
  aligned: () => false,
  backward: () => ({ state: null }),
  saves: [],
}

/** How far the draws of a device have come: in the step being traced, or in all. */
export function randomPlace(device: Device): number {
  return activeTrace()?.randomOps ?? generator(device).offset
}

/** Runs `fn` with the draws that followed `place`, and goes on where they stand now. */
export function withRandomPlace<T>(device: Device, place: number, fn: () => T): T {
  const trace = activeTrace()
  const now = randomPlace(device)
  const move = (to: number): void => {
    if (trace) trace.randomOps = to
    else generator(device).offset = to
  }
  move(place)
  try {
    return fn()
  } finally {
    move(now)
  }
}

function stateNow(g: Generator, ordinal = 0): readonly number[] {
  return [
    g.seed % 2 ** 32,
    Math.floor(g.seed / 2 ** 32),
    ((g.offset % 2 ** 32) + ordinal) % 2 ** 32,
    Math.floor(g.offset / 2 ** 32),
  ]
}

/** The state that all draws of a step share, read when the step runs; they differ by their place in it. */
function sharedState(trace: Trace, device: Device): Tensor {
  const g = generator(device)
  return trace.shared('random', () => {
    trace.hooks.push(() => {
      g.offset += trace.randomOps
    })
    return new Tensor(hostLeaf(device, 'u32', () => stateNow(g)))
  })
}

/** Uniform random words as u32. Each call draws from the device's generator. */
export function randomBits(shape: readonly number[], device: Device = defaultDevice()): Tensor {
  checkShape('random', shape)
  const g = generator(device)
  const trace = activeTrace()
  if (trace) return call1(randomBitsOp, [sharedState(trace, device)], { shape, ordinal: trace.randomOps++ })
  const state = new Tensor(hostLeaf(device, 'u32', () => stateNow(g)))
  g.offset++
  return call1(randomBitsOp, [state], { shape, ordinal: 0 })
}

/**
 * For kernels that draw by themselves: key and counter of the next draw, as {@link randomBitsOp} has them, and behind them more words
 * of the host, u32 [4 + n]. The draw is taken.
 */
export function drawState(more: () => readonly number[], device: Device): Tensor {
  const g = generator(device)
  const trace = activeTrace()
  if (trace) sharedState(trace, device)
  const ordinal = trace ? trace.randomOps++ : 0
  const state = new Tensor(hostLeaf(device, 'u32', () => [...stateNow(g, ordinal), ...more()]))
  if (!trace) g.offset++
  return state
}

/** (x >> 8) * 2^-24: the same bits on every device. */
export const uniformOp: MapOp<'bits'> = {
  kind: 'map',
  name: 'uniform',
  inputs: ['bits'],
  infer: ([bits]) => [{ shape: bits?.shape ?? [], dtype: 'f32' }],
  emit: (w, i) => `f32(${w.load(0, i)} >> 8u) * f32(5.9604644775390625e-8)`,
  flops: () => 2,
  aligned: () => true,
  backward: () => ({ bits: null }),
  saves: [],
}

/** Numbers uniform in [low, high). */
export function rand(
  shape: readonly number[],
  options: { readonly low?: number; readonly high?: number; readonly device?: Device } = {},
): Tensor {
  const { low = 0, high = 1 } = options
  const unit = call1(uniformOp, [randomBits(shape, options.device)])
  return low === 0 && high === 1 ? unit : add(mul(unit, high - low), low)
}

/** Numbers of the normal distribution by Box and Muller's transform; the same on every device within a tolerance. */
export function randn(
  shape: readonly number[],
  options: { readonly mean?: number; readonly std?: number; readonly device?: Device } = {},
): Tensor {
  const { mean = 0, std = 1 } = options
  const radius = sqrt(mul(log(add(mul(rand(shape, options), -1), 1)), -2))
  const angle = mul(rand(shape, options), 2 * Math.PI)
  return add(mul(mul(radius, cos(angle)), std), mean)
}

/**
 * Zeroes each element with probability `p` and scales the rest by 1 / (1 - p). `p` may be a number that never changes,
 * or a scalar tensor; {@link hostScalar} makes one that is read anew at each step.
 */
export function dropout(x: Tensor, p: Operandish): Tensor {
  if (typeof p === 'number') {
    if (!(p >= 0 && p < 1)) fail('dropout', `p is ${p}`, 'it must be at least 0 and below 1')
    if (p === 0) return x
  }
  const dropped = less(call1(uniformOp, [randomBits(x.shape, x.device)]), p)
  const scale = typeof p === 'number' ? 1 / (1 - p) : div(1, sub(1, p))
  return where(dropped, 0, mul(x, scale))
}

/**
 * A number of the host as a scalar tensor. Made within a compiled function it is read anew each time the step runs; made outside it
 * keeps the value of that moment.
 */
export function hostScalar(now: () => number, device: Device = defaultDevice()): Tensor {
  const vector = new Tensor(hostLeaf(device, 'f32', () => [now()]))
  return reshape(vector, [])
}
