import { type KernelCall, type KernelOp, needDtype, type Variant } from '../graph/op.ts'
import { call, type Tensor } from '../graph/tensor.ts'
import { type Spec, specBytes } from '../graph/value.ts'
import { contiguousStrides, gridOf } from '../shape.ts'
import {
  type AttentionForm,
  type AttentionShape,
  type AttentionTile,
  attentionTileName,
  attentionTiles,
  forwardKernel,
  gradKernel,
  joinParts,
  rowDots,
  sideParams,
  tileGrid,
  tileParams,
} from './attention-kernels.ts'

/** What decides the kernels beside the shapes of the inputs. */
export interface AttentionAttrs {
  readonly form: AttentionForm
  readonly heads: number
  readonly kvHeads: number
  readonly depth: number
  readonly scale: number
  readonly causal: boolean
  readonly [name: string]: string | number | boolean
}

/** What attention may take beside its operands, in the order in which it takes them. */
export type AttentionExtra = 'bias' | 'lengths' | 'drops'

const extraNames: readonly AttentionExtra[] = ['bias', 'lengths', 'drops']
const operandNames: Readonly<Record<AttentionForm, readonly string[]>> = {
  apart: ['q', 'k', 'v'],
  pair: ['q', 'kv'],
  joint: ['qkv'],
}

/** The input that holds an operand. */
function holderOf(form: AttentionForm, operand: 'q' | 'k' | 'v'): number {
  return form === 'joint' ? 0 : operand === 'q' ? 0 : form === 'pair' || operand === 'k' ? 1 : 2
}

function shapeOf(attrs: AttentionAttrs, inputs: readonly Spec[]): AttentionShape {
  const { form, heads, kvHeads, depth, scale, causal } = attrs
  const [batch = 0, queries = 0] = (inputs[0] as Spec).shape
  const [, keys = 0] = (inputs[holderOf(form, 'k')] as Spec).shape
  return { form, batch, queries, keys, heads, kvHeads, depth, scale, causal }
}

function bytesOf(specs: readonly Spec[]): number {
  return specs.reduce((total, s) => total + specBytes(s), 0)
}

/** Multiply-adds of one product over all pairs of queries and keys. */
function pairFlops({ batch, heads, queries, keys, depth, causal }: AttentionShape): number {
  return (batch * heads * queries * keys * depth * 2) / (causal ? 2 : 1)
}

/** Loads of the extras that there are, and the parameters for those that there are not. */
function extrasOf(
  inputs: readonly Spec[],
  names: readonly string[],
): { readonly params: Readonly<Record<string, string | boolean>>; readonly loads: NonNullable<KernelCall['loads']> } {
  const at = (name: AttentionExtra): number => names.indexOf(name)
  const wanted = [
    ['LOAD_BIAS', 'bias', 'load_bias'],
    ['LOAD_LENGTHS', 'lengths', 'load_length'],
    ['LOAD_DROPS', 'drops', 'load_drop'],
  ] as const
  const given = wanted.filter(([, name]) => at(name) >= 0)
  const bias = at('bias') < 0 ? [] : (inputs[at('bias')] as Spec).shape
  const strides = contiguousStrides(bias)
  const terms = ['batch', 'head', 'i', 'j'].flatMap((name, d) =>
    (bias[d] ?? 1) > 1 ? [`${name} * ${strides[d]}u`] : [],
  )
  return {
    loads: Object.fromEntries(given.map(([param, name, fn]) => [param, { input: at(name), name: fn }])),
    params: {
      ...Object.fromEntries(wanted.filter(([, name]) => at(name) < 0).map(([param]) => [param, ''])),
      HAS_BIAS: at('bias') >= 0,
      HAS_LENGTHS: at('lengths') >= 0,
      HAS_DROPS: at('drops') >= 0,
      BIAS_INDEX: terms.length > 0 ? terms.join(' + ') : '0u',
    },
  }
}

function operandsOf(form: AttentionForm): Record<string, { readonly input: number }> {
  return Object.fromEntries((['q', 'k', 'v'] as const).map((name) => [name, { input: holderOf(form, name) }]))
}

function variantsOf(tiles: readonly AttentionTile[], calls: (tile: AttentionTile) => readonly KernelCall[]): Variant[] {
  return tiles.map((tile) => ({ name: attentionTileName(tile), calls: () => calls(tile) }))
}

/** The forward op over the operands of a form and these extras. */
function makeOp(form: AttentionForm, extras: readonly AttentionExtra[]): KernelOp<string, AttentionAttrs> {
  const names = [...operandNames[form], ...extras]
  const op: KernelOp<string, AttentionAttrs> = {
    kind: 'kernel',
    name: 'attention',
    inputs: names,
    virtual: extras,
    infer: (inputs, attrs) => {
      const { batch, queries, heads, depth } = shapeOf(attrs, inputs)
      for (const [i, name] of operandNames[form].entries()) needDtype('attention', name, inputs[i] as Spec, 'f32')
      return [
        { shape: [batch, queries, heads * depth], dtype: 'f32' },
        { shape: [batch, heads, queries], dtype: 'f32' },
      ]
    },
    variants: ({ inputs, outputs, attrs, device }) => {
      const shape = shapeOf(attrs, inputs)
      const { params, loads } = extrasOf(inputs, names)
      const work = op.cost(inputs, outputs, attrs)
      const results = { o: { output: 0 }, lse: { output: 1 } }
      return variantsOf(attentionTiles(shape, false, device), (tile) => {
        const { splits = 1 } = tile
        const count = shape.batch * shape.queries * shape.heads
        const parts = { temp: 'parts', bytes: 4 * count * splits * (shape.depth + 2) }
        const call: KernelCall = {
          kernel: forwardKernel(tile),
          params: { ...tileParams(shape, tile), ...params },
          loads,
          bindings: { ...operandsOf(form), ...(splits > 1 ? { parts } : results) } as KernelCall['bindings'],
          grid: tileGrid(shape, tile, 'queries'),
          ...work,
        }
        return splits > 1 ? [call, joinCall(shape, count * shape.depth, splits, { parts, ...results })] : [call]
      })
    },
    cost: (inputs, outputs, attrs) => ({
      flops: 2 * pairFlops(shapeOf(attrs, inputs)),
      bytes: bytesOf([...inputs, ...outputs]),
    }),
    backward: ({ all, outs, grad, attrs }) => {
      let made: Tensor[] | null = null
      const gradients = (): Tensor[] => {
        const operands = all.slice(0, operandNames[form].length)
        const more = all.slice(operandNames[form].length)
        made ??= call(gradOpOf(form, extras), [...operands, ...outs, grad, ...more], attrs)
        return made
      }
      const rules: Record<string, (() => Tensor) | null> = {}
      operandNames[form].forEach((name, k) => {
        rules[name] = () => gradients()[k] as Tensor
      })
      for (const name of extras) rules[name] = null
      return rules
    },
    saves: [...names, 'out'],
  }
  return op
}

/** The gradients of the operands, laid out as they are: dots of each query, then queries, then keys and values. */
function makeGradOp(form: AttentionForm, extras: readonly AttentionExtra[]): KernelOp<string, AttentionAttrs> {
  const own = operandNames[form]
  const names = [...own, 'o', 'lse', 'g', ...extras]
  const op: KernelOp<string, AttentionAttrs> = {
    kind: 'kernel',
    name: 'attentionGrad',
    inputs: names,
    virtual: extras,
    infer: (inputs) => own.map((_, i) => ({ shape: (inputs[i] as Spec).shape, dtype: 'f32' })),
    variants: ({ inputs, outputs, attrs, device }) => {
      const shape = shapeOf(attrs, inputs)
      const { params, loads } = extrasOf(inputs, names)
      const { flops, bytes } = op.cost(inputs, outputs, attrs)
      const half = { flops: flops / 2, bytes: bytes / 2 }
      const g = { input: own.length + 2 }
      const count = shape.batch * shape.heads * shape.queries
      const stats = { temp: 'stats', bytes: 8 * Math.max(1, count) }
      const outputsOf = (k: number): Record<string, { readonly output: number }> =>
        form === 'apart' ? { dk: { output: 1 }, dv: { output: 2 } } : { dkv: { output: k } }
      return variantsOf(attentionTiles(shape, true, device), (tile) => {
        const common = { ...tileParams(shape, tile), ...params }
        const bindings = { ...operandsOf(form), g, stats }
        return [
          dotsCall(shape, count, { o: { input: own.length }, g, lse: { input: own.length + 1 }, stats }),
          {
            kernel: gradKernel(tile, 'queries', form),
            params: { ...common, ...sideParams(shape, tile, 'queries') },
            loads,
            bindings: { ...bindings, dq: { output: 0 } },
            grid: tileGrid(shape, tile, 'queries'),
            ...half,
          },
          {
            kernel: gradKernel(tile, 'keys', form),
            params: { ...common, ...sideParams(shape, tile, 'keys') },
            loads,
            bindings: { ...bindings, ...outputsOf(form === 'pair' ? 1 : 0) },
            grid: tileGrid(shape, tile, 'keys'),
            ...half,
          },
        ]
      })
    },
    cost: (inputs, outputs, attrs) => ({
      flops: 5 * pairFlops(shapeOf(attrs, inputs)),
      bytes: bytesOf([...inputs, ...outputs]),
    }),
    backward: null,
    saves: [],
  }
  return op
}

const dotThreads = 64

function joinCall(
  { heads, queries, depth }: AttentionShape,
  count: number,
  splits: number,
  bindings: KernelCall['bindings'],
): KernelCall {
  const grid = gridOf(Math.ceil(count / dotThreads))
  const sizes = { HEADS: heads, QUERIES: queries, DEPTH: depth, SPLITS: splits, COUNT: count }
  const params = { ...sizes, THREADS: dotThreads, ROW: grid[0] * dotThreads }
  return { kernel: joinParts, params, bindings, grid, flops: 4 * count * splits, bytes: 4 * count * (splits + 1) }
}

function dotsCall(
  { heads, queries, depth }: AttentionShape,
  count: number,
  bindings: KernelCall['bindings'],
): KernelCall {
  const grid = gridOf(Math.ceil(count / dotThreads))
  const params = {
    HEADS: heads,
    QUERIES: Math.max(1, queries),
    DEPTH: depth,
    COUNT: count,
    THREADS: dotThreads,
    ROW: grid[0] * dotThreads,
    IS_QUADS: depth % 4 === 0,
  }
  return { kernel: rowDots, params, bindings, grid, flops: 2 * count * depth, bytes: 4 * count * (2 * depth + 3) }
}

type Made = KernelOp<string, AttentionAttrs>
const ops = new Map<string, Made>()
const gradOps = new Map<string, Made>()

function memoized(
  known: Map<string, Made>,
  form: AttentionForm,
  extras: readonly AttentionExtra[],
  make: (form: AttentionForm, extras: readonly AttentionExtra[]) => Made,
): Made {
  const key = [form, ...extras].join()
  const made = known.get(key) ?? make(form, extras)
  known.set(key, made)
  return made
}

function gradOpOf(form: AttentionForm, extras: readonly AttentionExtra[]): Made {
  return memoized(gradOps, form, extras, makeGradOp)
}

/** Attention of operands [batch, length, heads depth] in a form -> [batch, queries, heads depth]. */
export function callAttention(
  operands: readonly Tensor[],
  extras: Readonly<Partial<Record<AttentionExtra, Tensor>>>,
  attrs: AttentionAttrs,
): Tensor {
  const given = extraNames.filter((name) => extras[name])
  const op = memoized(ops, attrs.form, given, makeOp)
  return call(op, [...operands, ...given.map((name) => extras[name] as Tensor)], attrs)[0] as Tensor
}
