import { beforeAll, describe, expect, test } from 'vitest'
import { checks } from '../ops/all.ts'
import { type ChromeRun, runInChrome } from './run-chrome.ts'

describe('in headless Chrome', () => {
  let run: ChromeRun

  beforeAll(async () => {
    run = await runInChrome()
  })

  test.each([...checks.map(({ op }) => op), 'guard zones'])('%s', (op) => {
    const result = run.results.find(({ name }) => name === op)
    expect(result, 'this check did not run').toBeDefined()
    expect(result?.message ?? '').toBe('')
  })

  test('the page is cross-origin isolated and logs no error', () => {
    expect(run.isIsolated).toBe(true)
    expect(run.errors).toEqual([])
  })
})
