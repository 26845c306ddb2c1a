import { describe, expect, it } from 'vitest'
import { batchOf, initialState, readGolden } from './golden.ts'

describe.each(['mlp', 'cnn', 'block'])('the formula of %s', (name) => {
  const golden = readGolden(name)

  it('gives the weights that PyTorch started from', () => {
    const initial = initialState(golden)
    for (const { key, last } of golden.parameters) expect(initial[key]?.data.at(-1), key).toBe(last)
  })

  it('gives the batch whose gradients are stored', () => {
    const { x, y } = batchOf(golden, 0)
    expect(Array.from(y)).toEqual(golden.labels)
    expect(x.at(-1)).toBe(golden.lastInput)
  })

  it('gives fresh batches with every label', () => {
    const batches = Array.from({ length: golden.steps }, (_, t) => batchOf(golden, t))
    expect(new Set(batches.flatMap(({ y }) => Array.from(y))).size).toBe(golden.classes)
    expect(new Set(batches.map(({ x }) => x.join())).size).toBe(golden.steps)
  })
})
