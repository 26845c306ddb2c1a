import { beforeAll, describe, expect, test } from 'vitest'
import { checks } from '../ops/all.ts'
import { type DenoRun, runInDeno } from './run-deno.ts'

describe('in Deno on wgpu and Naga', () => {
  let run: DenoRun

  beforeAll(async () => {
    run = await runInDeno()
  })

  test.each([...checks.map(({ op }) => op), 'guard zones'])('%s', (op) => {
    const result = run.results.find(({ name }) => name === op)
    expect(result, `this check did not run: ${run.end}`).toBeDefined()
    expect(result?.message ?? '').toBe('')
  })

  test('the run comes to its end', () => {
    expect(run.end).toBe('done')
  })
})
