import { readdirSync } from 'node:fs'
import type { Op } from '../../../src/graph/op.ts'
import * as exported from '../../../src/ops/index.ts'

const folder = new URL('../../../src/ops/', import.meta.url)

/** Draws, which no reference gives; tests hold their distributions. */
export const draws: readonly string[] = ['bernoulli', 'gumbelSoftmax', 'multinomial', 'randint', 'randperm']

/** What src/ops exports that is no op: sources of randomness, host numbers, answers for the host, and wrappers. */
const others = new Set([...draws, 'allClose', 'checkpoint', 'generator', 'hostScalar', 'manualSeed'])

/** Every op that src/ops declares, by name. */
export async function declaredOps(): Promise<ReadonlyMap<string, Op>> {
  const ops = new Map<string, Op>()
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.ts'))) {
    const module = (await import(/* @vite-ignore */ new URL(file, folder).pathname)) as Record<string, unknown>
    for (const [name, value] of Object.entries(module)) {
      if (name.endsWith('Op')) ops.set((value as Op).name, value as Op)
    }
  }
  return ops
}

/** The functions of `wgrad` that are ops, by name. */
export function publicFunctions(): ReadonlyMap<string, (...args: never[]) => unknown> {
  const all = Object.entries(exported as Record<string, unknown>)
  return new Map(
    all.flatMap(([name, value]) =>
      typeof value === 'function' && !others.has(name) ? [[name, value as (...args: never[]) => unknown]] : [],
    ),
  )
}

/** The tensors of functions that take some of them in options, after other arguments or as a list (written `...name`). */
const tensorNames: Readonly<Record<string, readonly string[]>> = {
  batchNorm: ['x', 'weight', 'bias'],
  bceLoss: ['probs', 'target', 'weight'],
  bceWithLogits: ['logits', 'target', 'weight'],
  bincount: ['ids', 'weights'],
  concat: ['...tensors'],
  conv1d: ['x', 'w', 'bias'],
  conv2d: ['x', 'w', 'bias'],
  convTranspose1d: ['x', 'w', 'bias'],
  convTranspose2d: ['x', 'w', 'bias'],
  crossEntropy: ['logits', 'target', 'weight'],
  einsum: ['...operands'],
  groupNorm: ['x', 'weight', 'bias'],
  instanceNorm: ['x', 'weight', 'bias'],
  layerNorm: ['x', 'weight', 'bias'],
  meshgrid: ['...tensors'],
  nllLoss: ['logProbs', 'target', 'weight'],
  recurrent: ['x', 'w', 'lengths', 'state', 'bias'],
  rmsNorm: ['x', 'weight'],
  scaledDotProductAttention: ['q', 'k', 'v', 'mask', 'bias', 'keyPadding'],
  scatter: ['x', 'index', 'source'],
  scatterAdd: ['x', 'index', 'source'],
  stack: ['...tensors'],
}

/** Names of the tensors that a function takes, of which its checks give it `count`. */
export function tensorsOf(
  name: string,
  fn: (...args: never[]) => unknown,
  op: Op | undefined,
  count: number,
): string[] {
  const listed = tensorNames[name]
  if (listed) return [...listed]
  if (op && op.inputs.length === count) return [...op.inputs]
  const parameters = /^[^(]*\(([^)]*)\)/.exec(String(fn))?.[1] ?? ''
  const names = [...parameters.matchAll(/(?:^|,)\s*([A-Za-z_]\w*)/g)].map((match) => match[1] as string)
  if (names.length < count) throw new Error(`${name} takes ${count} tensors; name them in declared.ts`)
  return names.slice(0, count)
}
