import type { Tensor } from '../graph/tensor.ts'
import type { Module } from './module.ts'

/** Sees the inputs and the output of a module; a tensor that it returns takes the output's place. */
// biome-ignore lint/suspicious/noConfusingVoidType: most hooks only look and return nothing
export type ForwardHook = (module: Module, inputs: readonly Tensor[], output: Tensor) => Tensor | void

const hooksOf = new WeakMap<Module, Set<{ readonly hook: ForwardHook }>>()

/**
 * Calls `hook` after each `forward` of the module, in the order of registration; what comes back removes it. In a compiled function
 * hooks run while it is traced, so register them before its first call; they see tensors that the function may return.
 */
export function registerForwardHook(module: Module, hook: ForwardHook): () => void {
  const entry = { hook }
  const known = hooksOf.get(module)
  if (known) known.add(entry)
  else wrap(module).add(entry)
  return () => {
    const entries = hooksOf.get(module)
    if (!entries?.delete(entry) || entries.size > 0) return
    hooksOf.delete(module)
    Reflect.deleteProperty(module, 'forward')
  }
}

/** Puts the calls of hooks in front of the class's own `forward`. */
function wrap(module: Module): Set<{ readonly hook: ForwardHook }> {
  const entries = new Set<{ readonly hook: ForwardHook }>()
  const forward = module.forward.bind(module)
  hooksOf.set(module, entries)
  Object.defineProperty(module, 'forward', {
    configurable: true,
    enumerable: false,
    value: (...inputs: Tensor[]): Tensor =>
      [...entries].reduce((output, { hook }) => hook(module, inputs, output) ?? output, forward(...inputs)),
  })
  return entries
}
