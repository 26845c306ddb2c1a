import { describe, expect, test } from 'vitest'
import { captureSite, formatSite } from '../../src/graph/value.ts'

const engine = new URL('../../src/', import.meta.url)

/** A stack as V8 writes it, innermost frame first. */
function stackOf(...places: string[]): { stack: string } {
  return { stack: ['Error', ...places.map((place) => `    at call (${place})`)].join('\n') }
}

describe('the line that an error names', () => {
  test('is the first outside the engine, also in folders named as the engine names its own', () => {
    const app = 'file:///home/me/app/src/train/step.ts:3:5'
    expect(formatSite(stackOf(`${engine.href}ops/matmul.ts:1:2`, `${engine.pathname}nn/linear.ts:4:5`, app))).toBe(
      'step.ts:3:5',
    )
    expect(formatSite(stackOf(`${engine.href}optim/sgd.ts:9:1`, '/home/me/src/models/net.ts:7:8'))).toBe('net.ts:7:8')
  })

  test('is left out where all frames are the engine', () => {
    expect(formatSite(stackOf(`${engine.href}graph/tensor.ts:1:2`))).toBe('')
    expect(formatSite(null)).toBe('')
  })

  test('is this one when it is captured here', () => {
    expect(formatSite(captureSite(captureSite))).toMatch(/^site\.test\.ts:\d+:\d+$/)
  })
})
