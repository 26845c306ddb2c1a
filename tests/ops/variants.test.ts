import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { Op } from '../../src/graph/op.ts'
import { openDevice } from '../../src/node.ts'
import { checks } from './all.ts'
import type { InputSpec, OpCheck } from './check.ts'
import { runCheck } from './runner.ts'

const seen = new Set<string>()

/** Checks through which every op with several kernels runs, and samples of each that are small. */
const chosen: Readonly<Record<string, readonly number[]>> = {
  matmul: [3],
  conv2d: [1, 6],
  max: [2, 3],
  min: [2],
  sum: [3, 4, 6],
  prod: [2],
  argmax: [1],
  logSumExp: [0],
  layerNorm: [1, 8, 9],
  rmsNorm: [1, 3],
  'batchNorm in training': [2],
  crossEntropy: [0, 10],
  sort: [0, 3],
  maxPool2d: [0, 1],
  'recurrent lstm': [1, 4],
}

/** What ran, and what there was to choose from, by the work that it did. */
interface VariantRun {
  readonly ran: ReadonlyMap<string, ReadonlySet<string>>
  readonly offered: Readonly<Record<string, readonly string[]>>
}

/** Runs a check as often as its ops have kernels, each time with the next one pinned. */
async function runVariants(check: OpCheck): Promise<VariantRun> {
  const device = await openDevice({ guard: true, submitBudgetMs: 1000 })
  const { variants } = device
  const ran = new Map<string, Set<string>>()
  let most = 1
  for (let pass = 0; pass < most; pass++) {
    const works = Object.entries(variants.offered())
    variants.pin(Object.fromEntries(works.map(([work, all]) => [work, all[pass % all.length]!])))
    const { message } = await runCheck(device, check)
    expect(message ?? '', JSON.stringify(variants.used())).toBe('')
    for (const [work, name] of Object.entries(variants.used())) ran.set(work, (ran.get(work) ?? new Set()).add(name))
    most = Math.max(1, ...Object.values(variants.offered()).map((all) => all.length))
  }
  device.close()
  return { ran, offered: variants.offered() }
}

test.each(Object.entries(chosen))('%s with every kernel declared', async (name, which) => {
  const check = checks.find((c) => c.op === name) as OpCheck
  const samples = which.map((i) => check.samples[i]!)
  for (const { inputs } of samples)
    for (const input of inputs)
      expect(('shape' in input ? (input as InputSpec).shape : input).reduce((a, b) => a * b, 1)).toBeLessThan(2000)
  const { kernels: _, fails: __, ...plain } = check
  const { ran, offered } = await runVariants({ ...plain, samples })
  expect(Math.max(...Object.values(offered).map((names) => names.length))).toBeGreaterThan(1)
  for (const [work, names] of Object.entries(offered)) {
    expect([...(ran.get(work) as ReadonlySet<string>)].sort(), work).toEqual([...names].sort())
    if (names.length > 1) seen.add(work.split(' ')[0] as string)
  }
})

test('every op that declares variants is among them', async () => {
  const declared: string[] = []
  for (const file of readdirSync(new URL('../../src/ops/', import.meta.url))) {
    if (!file.endsWith('.ts')) continue
    const module = (await import(`../../src/ops/${file.slice(0, -3)}.ts`)) as Record<string, unknown>
    for (const [name, value] of Object.entries(module)) {
      const op = value as Op
      if (name.endsWith('Op') && op.kind === 'kernel' && op.variants) declared.push(op.name)
    }
  }
  expect([...seen].sort()).toEqual(declared.sort())
})
