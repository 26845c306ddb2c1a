import type { DeviceTraits, KernelCall, KernelOp } from './op.ts'
import type { Attrs, Node, Spec } from './value.ts'

/** Work that several kernels can do, and the one that a plan takes. Holds no tensor. */
export interface Choice {
  readonly op: KernelOp
  readonly attrs: Attrs
  readonly inputs: readonly Spec[]
  readonly outputs: readonly Spec[]
  readonly taken: string
}

/** Picks one of the kernels that are legal for a piece of work, the default first. */
export interface Chooser {
  choose(work: string, names: readonly string[]): string
}

/** What a variant is chosen for: the op, its attributes in the order of their names, and the specs of its inputs. */
export function workOf({ op, attrs, inputs }: Pick<Choice, 'attrs' | 'inputs'> & { op: { name: string } }): string {
  const names = Object.keys(attrs).sort()
  const specs = inputs.map((v) => `${v.dtype}[${v.shape.join()}]`)
  return [op.name, ...names.map((n) => `${n}=${JSON.stringify(attrs[n])}`), ...specs].join(' ')
}

function specOf({ shape, dtype }: Spec): Spec {
  return { shape, dtype }
}

/** The dispatches of a kernel node, by the variant that `chooser` picks where there are several; noted in `choices`. */
export function lowerNode(
  node: Node,
  op: KernelOp,
  traits: DeviceTraits,
  chooser: Chooser,
  choices: Map<string, Choice>,
): readonly KernelCall[] {
  const { attrs } = node
  const context = { inputs: node.inputs, outputs: node.outputs, attrs: attrs as never, device: traits }
  if (!op.variants) return op.lower(context)
  const variants = op.variants(context)
  const work = workOf(node)
  const names = variants.map((v) => v.name)
  const taken = chooser.choose(work, names)
  choices.set(work, { op, attrs, inputs: node.inputs.map(specOf), outputs: node.outputs.map(specOf), taken })
  return (variants[names.indexOf(taken)] as (typeof variants)[number]).calls()
}
