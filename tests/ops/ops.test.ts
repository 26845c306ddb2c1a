import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Device } from '../../src/index.ts'
import { openDevice } from '../../src/node.ts'
import { checks } from './all.ts'
import { type CheckResult, runChecks } from './runner.ts'

let gpu: Device
let run: Promise<CheckResult[]>

beforeAll(async () => {
  gpu = await openDevice({ guard: true })
  run = runChecks(gpu, checks)
})

afterAll(() => gpu?.close())

test.each(checks.map((check, i) => [check.op, i] as const))('%s', async (_, i) => {
  const result = (await run)[i]
  expect(result?.message ?? '').toBe('')
})

test('no check writes past the end of a buffer', async () => {
  const last = (await run).at(-1)
  expect(last?.message ?? '').toBe('')
})
