import { numel } from '../../shape.ts'
import { constantOf } from '../constant.ts'
import { inputOp } from '../leaf.ts'
import type { KernelOp, MapOp } from '../op.ts'
import { collect, type GraphProgram, isLeaf } from '../program.ts'
import type { Effect } from '../trace.ts'
import { Node, type Value } from '../value.ts'
import { baseOf } from './uses.ts'

/** Elements below which a value stays f32: it takes no room to speak of, and may be a loss. */
const smallest = 1024

/**
 * Keeps its input in a buffer of f16. What is too large for f16 becomes the largest number that is not, so that a mask stays finite; NaN
 * stays NaN.
 */
export const narrowOp: MapOp<'x'> = {
  kind: 'map',
  name: 'narrow',
  inputs: ['x'],
  infer: ([x]) => [{ shape: x?.shape ?? [], dtype: 'f16' }],
  emit: (w, i) => {
    w.helper(
      'wgrad_narrowed',
      `fn wgrad_narrowed(x: f32) -> f32 {
  let is_nan = (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
  return select(clamp(x, -65504.0, 65504.0), x, is_nan);
}`,
    )
    return `wgrad_narrowed(${w.load(0, i)})`
  },
  flops: () => 0,
  aligned: () => true,
  isKept: true,
  backward: ({ grad }) => ({ x: () => grad }),
  saves: [],
}

/** The node that a message should name: what was narrowed, not the narrowing. */
export function namedNode(node: Node): Node {
  return node.op === narrowOp ? (node.inputs[0] as Value).node : node
}

/**
 * Lets activations among the `stored` values be kept as f16: f32 values of some size that are no gradient, no statistic (what is made of
 * sums, statistics and parameters alone), nobody's result, and read by nothing but expressions and kernels that can read f16. All
 * arithmetic stays f32.
 */
export function narrowStorage(program: GraphProgram, stored: ReadonlySet<Value>): GraphProgram {
  const exact = exactValues(program)
  const replaced = new Map<Value, Value>()
  const mutated = new Map<Node, Node>()
  const now = (v: Value): Value => replaced.get(v) ?? v
  for (const node of program.nodes) {
    const inputs = node.inputs.map(now)
    const fresh = inputs.some((v, i) => v !== node.inputs[i]) ? rebuilt(node, inputs) : node
    if (fresh !== node && node.outputs.length === 0) mutated.set(node, fresh)
    node.outputs.forEach((v, i) => {
      const own = fresh.outputs[i] as Value
      const isNarrow = stored.has(v) && v.dtype === 'f32' && numel(v.shape) >= smallest && !exact.has(v)
      if (isNarrow) replaced.set(v, narrowed(own))
      else if (own !== v) replaced.set(v, own)
    })
  }
  const effects = program.effects.map((e): Effect => {
    if (e.kind === 'assign') return { ...e, value: now(e.value) }
    return { ...e, node: mutated.get(e.node) ?? e.node }
  })
  return collect(program.device, program.outputs.map(now), effects)
}

function rebuilt(node: Node, inputs: readonly Value[]): Node {
  // A reshape is stored as what it reshapes.
  const isAlias = node.op.kind === 'map' && node.op.alias
  const specs = isAlias ? node.outputs.map(({ shape }) => ({ shape, dtype: (inputs[0] as Value).dtype })) : node.outputs
  return new Node(node.device, node.op, node.attrs, inputs, specs, node.site, node.payload)
}

function narrowed(value: Value): Value {
  const { device, site } = value.node
  const node = new Node(device, narrowOp, {}, [value], [{ shape: value.shape, dtype: 'f16' }], site)
  return node.outputs[0] as Value
}

/** Values that must keep all their bits. */
function exactValues(program: GraphProgram): Set<Value> {
  const exact = new Set<Value>()
  const keep = (v: Value): void => {
    exact.add(baseOf(v))
  }
  program.outputs.forEach(keep)
  for (const e of program.effects) if (e.kind === 'assign') keep(e.value)

  const statistics = new Set<Value>()
  const isStatistic = (v: Value): boolean =>
    isLeaf(v) ? v.node.op !== inputOp : statistics.has(v) || constantOf(v) !== null
  const gradients = new Set<Value>()
  for (const node of program.nodes) {
    const { op, inputs, outputs } = node
    const isExactOp = op.kind === 'kernel' ? !op.halfOutput : op.kind === 'map' && inputs.every(isStatistic)
    const isGradient = node.isGradient || inputs.some((v, i) => gradients.has(v) && !isAwaited(node, i))
    for (const [k, v] of outputs.entries()) {
      // What a kernel gives beside its result are statistics of it.
      const isExact = isExactOp || k > 0
      if (isExact) statistics.add(v)
      if (isGradient) gradients.add(v)
      if (isExact || isGradient) exact.add(v)
    }
    if (op.kind === 'pack') inputs.forEach(keep)
    if (op.kind === 'kernel')
      inputs.forEach((v, i) => {
        if (!readsHalf(op, i)) keep(v)
      })
  }
  return exact
}

function isAwaited({ op }: Node, input: number): boolean {
  return op.kind === 'map' && (op.awaits?.includes(op.inputs[input] as string) ?? false)
}

/** Reads the input through a generated load, or from a buffer whose elements may be f16. */
function readsHalf({ inputs, variadic, virtual, halfInputs }: KernelOp, input: number): boolean {
  const name = inputs[variadic ? 0 : input] as string
  return Boolean(virtual?.includes(name) || halfInputs?.includes(name))
}
