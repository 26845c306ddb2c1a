import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { declaredOps, publicFunctions } from '../../scripts/docs/ops/declared.ts'
import { collectFacts, type OpFacts } from '../../scripts/docs/ops/facts.ts'
import { formatTable, parseTable } from '../../scripts/docs/ops/table.ts'

const text = readFileSync(new URL('../../docs/ops.md', import.meta.url), 'utf8')
const runs = parseTable(text)

let facts: OpFacts[]

beforeAll(async () => {
  facts = await collectFacts()
})

describe('the table of ops', () => {
  test('names every public function and every declared op, each once', async () => {
    const wanted = new Set([...publicFunctions().keys(), ...(await declaredOps()).keys()])
    const rows = [...text.matchAll(/^\| `(\w+)` \|/gm)].map((match) => match[1] as string)
    expect(rows.length).toBeGreaterThan(150)
    expect(rows.toSorted(), 'write it anew with npm run docs:ops').toEqual([...wanted].sort())
  })

  test('says what the declarations say', () => {
    expect(text, 'write it anew with npm run docs:ops').toBe(formatTable(facts, runs))
  })

  test('has errors from three implementations, all within what the checks allow', () => {
    expect(runs.map(({ implementation }) => implementation)).toEqual(['Node, Dawn', 'Chrome', 'Deno, wgpu'])
    for (const { implementation, errors } of runs) {
      for (const { name, bounds } of facts) {
        const { values, gradients } = errors.get(name) ?? { values: Number.NaN, gradients: null }
        expect(values, `${name} in ${implementation}`).toBeLessThanOrEqual(bounds.values)
        expect(gradients ?? 0, `gradients of ${name} in ${implementation}`).toBeLessThanOrEqual(bounds.gradients)
      }
    }
  })
})

describe('the facts', () => {
  const factsOf = (name: string): OpFacts | undefined => facts.find((op) => op.name === name)

  test('are those of the declaration: tier, dtypes, gradients', () => {
    expect(factsOf('where')).toMatchObject({
      tier: 'map',
      isPublic: true,
      inputs: [
        { name: 'condition', dtypes: ['bool'], gradient: false },
        { name: 'a', dtypes: ['f32', 'f16', 'i32', 'u32', 'bool'], gradient: true },
        { name: 'b', dtypes: ['f32', 'f16', 'i32', 'u32', 'bool'], gradient: true },
      ],
    })
    expect(factsOf('floor')).toMatchObject({ inputs: [{ name: 'x', dtypes: ['f32', 'f16'], gradient: false }] })
    expect(factsOf('crossEntropy')).toMatchObject({
      tier: 'composite',
      inputs: [
        { name: 'logits', gradient: true },
        { name: 'target', dtypes: ['i32', 'u32'], gradient: false },
        { name: 'weight' },
      ],
    })
    expect(factsOf('convInputGrad')).toMatchObject({ tier: 'kernel', isPublic: false })
  })
})
