import adagradText from '../../shaders/optim/adagrad.wgsl?raw'
import adamText from '../../shaders/optim/adam.wgsl?raw'
import lionText from '../../shaders/optim/lion.wgsl?raw'
import rmspropText from '../../shaders/optim/rmsprop.wgsl?raw'
import sgdText from '../../shaders/optim/sgd.wgsl?raw'
import swapText from '../../shaders/optim/swap.wgsl?raw'
import { defineKernel, type Kernel } from '../gpu/kernel.ts'
import type { ParamTypes } from '../gpu/template.ts'
import type { KernelOp } from '../graph/op.ts'
import type { Attrs } from '../graph/value.ts'
import { gridOf } from '../shape.ts'

const sizes = { N: 'u32', ROW: 'u32', THREADS: 'int' } as const

/** A kernel that updates the weights p and the moments in `state`. */
/* @__NO_SIDE_EFFECTS__ */
function updateKernel(name: string, text: string, state: readonly string[], flags: ParamTypes = {}): Kernel {
  const bindings = ['hyper', ...state.map((s) => `${s}: read_write`)]
  return defineKernel(`optim/${name}.wgsl`, text, { ...sizes, LOAD_G: 'code', ...flags }, bindings)
}

const threads = 64

/** An op that rewrites arenas in place; `state` names the bindings of its variables. */
/* @__NO_SIDE_EFFECTS__ */
function updateOp<A extends Attrs & { readonly elements: number }>(
  name: string,
  kernel: Kernel,
  state: readonly string[],
  flops: number,
  flags: Readonly<Record<string, boolean>> = {},
): KernelOp<'grads' | 'hyper', A> {
  return {
    kind: 'kernel',
    name,
    inputs: ['grads', 'hyper'],
    // What is done to gradients before the update, such as clipping, joins it.
    virtual: ['grads'],
    infer: () => [],
    lower: ({ attrs }) => {
      const { elements, ...given } = attrs
      const n = elements / 4
      const grid = gridOf(Math.ceil(n / threads))
      const states = Object.fromEntries(state.map((s, i) => [s, { state: i }]))
      const own = { ...flags, ...(given as Readonly<Record<string, boolean>>) }
      return [
        {
          kernel,
          params: { ...own, N: n, ROW: grid[0] * threads, THREADS: threads },
          bindings: { hyper: { input: 1 }, ...states },
          loads: { LOAD_G: { input: 0, name: 'load_g' } },
          grid,
          flops: flops * elements,
          bytes: 4 * elements * (1 + 2 * state.length),
        },
      ]
    },
    cost: (_, __, { elements }) => ({ flops: flops * elements, bytes: 4 * elements * (1 + 2 * state.length) }),
    backward: null,
    saves: [],
  }
}

type UpdateOp = KernelOp<'grads' | 'hyper', { readonly elements: number }>

const adamState = ['p', 'm', 'v']
export const adamKernel: Kernel = updateKernel('adam', adamText, adamState)
export const adamUpdateOp: UpdateOp = updateOp('adam', adamKernel, adamState, 16)

const sgdState = ['p', 'b']
export const sgdKernel: Kernel = updateKernel('sgd', sgdText, sgdState, { NESTEROV: 'flag' })
export const sgdUpdateOp: KernelOp<'grads' | 'hyper', { readonly elements: number; readonly NESTEROV: boolean }> =
  updateOp('sgd', sgdKernel, sgdState, 6)

const rmspropState = ['p', 'v', 'b']
export const rmspropKernel: Kernel = updateKernel('rmsprop', rmspropText, rmspropState, { CENTERED: 'flag' })
export const rmspropUpdateOp: UpdateOp = updateOp('rmsprop', rmspropKernel, rmspropState, 12, { CENTERED: false })

const centeredState = ['p', 'v', 'b', 'a']
export const centeredRmspropKernel: Kernel = updateKernel('rmsprop', rmspropText, centeredState, { CENTERED: 'flag' })
export const centeredRmspropUpdateOp: UpdateOp = updateOp('centeredRmsprop', centeredRmspropKernel, centeredState, 18, {
  CENTERED: true,
})

const adagradState = ['p', 's']
export const adagradKernel: Kernel = updateKernel('adagrad', adagradText, adagradState)
export const adagradUpdateOp: UpdateOp = updateOp('adagrad', adagradKernel, adagradState, 8)

const lionState = ['p', 'm']
export const lionKernel: Kernel = updateKernel('lion', lionText, lionState)
export const lionUpdateOp: UpdateOp = updateOp('lion', lionKernel, lionState, 10)

export const swapKernel: Kernel = defineKernel('optim/swap.wgsl', swapText, sizes, ['p: read_write', 'q: read_write'])

/** Exchanges the contents of two variables of `elements` numbers, a multiple of four. */
export const swapOp: KernelOp<never, { readonly elements: number }> = {
  kind: 'kernel',
  name: 'swap',
  inputs: [],
  infer: () => [],
  lower: ({ attrs: { elements } }) => {
    const n = elements / 4
    const grid = gridOf(Math.ceil(n / threads))
    const params = { N: n, ROW: grid[0] * threads, THREADS: threads }
    const bindings = { p: { state: 0 }, q: { state: 1 } }
    return [{ kernel: swapKernel, params, bindings, grid, flops: 0, bytes: 16 * elements }]
  },
  cost: (_, __, { elements }) => ({ flops: 0, bytes: 16 * elements }),
  backward: null,
  saves: [],
}
