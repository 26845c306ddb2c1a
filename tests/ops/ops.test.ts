import { readdirSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Device } from '../../src/index.ts'
import { openDevice } from '../../src/node.ts'
import { checks } from './all.ts'
import { type CheckResult, runChecks } from './runner.ts'

let gpu: Device
let results: CheckResult[]

beforeAll(async () => {
  gpu = await openDevice({ guard: true })
  results = await runChecks(gpu, checks)
}, 300_000)

afterAll(() => gpu?.close())

test.each(checks.map((check, i) => [check.op, i] as const))('%s', (_, i) => {
  expect(results[i]?.message ?? '').toBe('')
})

test('no check writes past the end of a buffer', () => {
  expect(results.at(-1)?.message ?? '').toBe('')
})

test('every op that src/ops exports runs in some check', async () => {
  const folder = new URL('../../src/ops/', import.meta.url)
  const exported: string[] = []
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.ts'))) {
    const module = (await import(`../../src/ops/${file.slice(0, -3)}.ts`)) as Record<string, unknown>
    for (const [name, value] of Object.entries(module)) {
      if (name.endsWith('Op')) exported.push((value as { readonly name: string }).name)
    }
  }
  const seen = new Set(results.flatMap((result) => result.ops ?? []))
  expect(exported.length).toBeGreaterThan(40)
  expect(exported.filter((name) => !seen.has(name))).toEqual([])
})

test('no two checks have one name', () => {
  const names = checks.map((check) => check.op)
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([])
})
