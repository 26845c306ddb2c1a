import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type DispatchFacts, surveyKernels } from '../../scripts/docs/kernels/survey.ts'
import { formatKernels } from '../../scripts/docs/kernels/table.ts'

const families = surveyKernels()

test('the table of kernels says what the declarations say', () => {
  const text = readFileSync(new URL('../../docs/kernels.md', import.meta.url), 'utf8')
  expect(text, 'write it anew with npm run docs:kernels').toBe(formatKernels(families))
})

test('every kernel keeps the default limits, and every size has one default on each kind of device', () => {
  for (const { title, works, variants } of families) {
    for (const { name, dispatches } of variants) {
      for (const { workgroup, sharedBytes } of dispatches) {
        expect(
          workgroup.reduce((a, b) => a * b, 1),
          `${title}: ${name}`,
        ).toBeLessThanOrEqual(256)
        expect(workgroup[2] ?? 1, `${title}: ${name}`).toBeLessThanOrEqual(64)
        expect(sharedBytes, `${title}: ${name}`).toBeLessThanOrEqual(16384)
      }
    }
    expect(variants.flatMap((v) => v.onGpu).sort()).toEqual([...works].sort())
    expect(variants.flatMap((v) => v.onSoftware).sort()).toEqual([...works].sort())
  }
})

test.each([
  ['shared-128x128x16-8x8', [{ kernel: 'matmul/shared', workgroup: [16, 16], sharedBytes: 16384, registers: 80 }]],
  ['tile-8x8-4x4', [{ kernel: 'matmul/tile', workgroup: [4, 4, 1], sharedBytes: 0, registers: 80 }]],
  ['tile-1x4-2x1-k64', [{ kernel: 'matmul/tile', workgroup: [2, 1, 64], sharedBytes: 2560, registers: 9 }]],
] satisfies [string, DispatchFacts[]][])('what %s takes is read off its shader', (name, dispatches) => {
  expect(families[0]?.variants.find((v) => v.name === name)?.dispatches).toEqual(dispatches)
})
