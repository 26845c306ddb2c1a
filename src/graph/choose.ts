import type { VariantTable } from '../gpu/variants.ts'
import type { DeviceTraits, KernelCall, KernelOp } from './op.ts'
import type { Node } from './value.ts'

/** What a variant is chosen for: the op, its attributes in the order of their names, and the specs of its inputs. */
export function workOf({ op, attrs, inputs }: Pick<Node, 'op' | 'attrs' | 'inputs'>): string {
  const names = Object.keys(attrs).sort()
  const specs = inputs.map((v) => `${v.dtype}[${v.shape.join()}]`)
  return [op.name, ...names.map((n) => `${n}=${JSON.stringify(attrs[n])}`), ...specs].join(' ')
}

/** The dispatches of a kernel node, by the variant that `table` chooses where there are several; noted in `choices`. */
export function lowerNode(
  node: Node,
  op: KernelOp,
  traits: DeviceTraits,
  table: VariantTable,
  choices: Map<string, string>,
): readonly KernelCall[] {
  const context = { inputs: node.inputs, outputs: node.outputs, attrs: node.attrs as never, device: traits }
  if (!op.variants) return op.lower(context)
  const variants = op.variants(context)
  const work = workOf(node)
  const names = variants.map((v) => v.name)
  const taken = table.choose(work, names)
  choices.set(work, taken)
  return (variants[names.indexOf(taken)] as (typeof variants)[number]).calls()
}
