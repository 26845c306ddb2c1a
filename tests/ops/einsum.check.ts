import { einsum } from '../../src/index.ts'
import { defineCheck, type OpCheck, type Ref } from './check.ts'
import { build, coordinates, count, position } from './reference.ts'

interface Equation {
  /** As it is given. */
  readonly equation: string
  /** The same with every axis spelt out and an output. */
  readonly plain?: string
}

/** The sum by its definition: over all coordinates of all axes. Axes of size 1 repeat. */
function summed(inputs: readonly Ref[], equation: string): Ref {
  const [left = '', right = ''] = equation.replace(/ /g, '').split('->')
  const terms = left.split(',')
  const axes = [...new Set([...right, ...terms.join('')])]
  const sizes = axes.map((axis) => {
    const own = terms.map((term, k) => (term.includes(axis) ? (inputs[k]?.shape[term.indexOf(axis)] ?? 1) : 1))
    return own.find((size) => size !== 1) ?? 1
  })
  const shape = sizes.slice(0, right.length)
  const rest = sizes.slice(right.length)
  return build(shape, (at) => {
    let total = 0
    for (let r = 0; r < count(rest); r++) {
      const all = [...at, ...coordinates(rest, r)]
      total += inputs.reduce((product, { shape: own, data }, k) => {
        const place = [...(terms[k] as string)].map((axis) => all[axes.indexOf(axis)] as number)
        return product * (data[position(own, place)] as number)
      }, 1)
    }
    return total
  })
}

const matrices = [
  [3, 4],
  [4, 5],
]

export const einsumChecks: readonly OpCheck[] = [
  defineCheck<Equation>({
    op: 'einsum',
    call: (inputs, { equation }) => einsum(equation, ...inputs),
    reference: (inputs, { equation, plain = equation }) => summed(inputs, plain),
    samples: [
      { inputs: matrices, attrs: { equation: 'ij,jk->ik' } },
      { inputs: matrices, attrs: { equation: 'ij,jk', plain: 'ij,jk->ik' }, why: 'the output is implied' },
      { inputs: matrices, attrs: { equation: 'ij, jk -> ki' }, why: 'an output in another order' },
      {
        inputs: [[3, 4]],
        attrs: { equation: 'ba', plain: 'ba->ab' },
        why: 'an implied output is in alphabetical order',
      },
      { inputs: [[3, 4]], attrs: { equation: 'ij->' } },
      { inputs: [[4, 4]], attrs: { equation: 'ii->i' }, why: 'a diagonal' },
      { inputs: [[3, 2, 3]], attrs: { equation: 'iji->j' }, why: 'a trace' },
      { inputs: [[3], [4]], attrs: { equation: 'i,j->ji' }, why: 'nothing is summed' },
      {
        inputs: [
          [5, 3],
          [5, 3],
        ],
        attrs: { equation: 'bi,bi->b' },
        why: 'a product of rows',
      },
      {
        inputs: [
          [2, 3, 2, 4],
          [2, 5, 2, 4],
        ],
        attrs: { equation: 'bqhd,bkhd->bhqk' },
        why: 'the scores of attention',
      },
      {
        inputs: [
          [2, 3, 4],
          [4, 5],
        ],
        attrs: { equation: '...i,ij->...j', plain: 'abi,ij->abj' },
      },
      {
        inputs: [
          [2, 3, 4],
          [1, 4, 3],
        ],
        attrs: { equation: '...ij,...jk', plain: 'bij,bjk->bik' },
        why: 'what the dots stand for is in the implied output, and repeats',
      },
      {
        inputs: [
          [2, 3, 4],
          [2, 1, 5],
        ],
        attrs: { equation: 'bij,bik->bjk' },
        why: 'an axis of size 1 repeats',
      },
      {
        inputs: [
          [2, 3],
          [3, 4],
          [4, 2],
        ],
        attrs: { equation: 'ij,jk,kl->il' },
        why: 'three operands',
      },
      { inputs: [[2, 3], [3, 4], [4]], attrs: { equation: 'ij,jk,k->i' } },
      {
        inputs: [
          [0, 3],
          [3, 2],
        ],
        attrs: { equation: 'ij,jk->ik' },
        why: 'no rows',
      },
    ],
    fails: [
      {
        inputs: matrices,
        attrs: { equation: 'ij,jk->il' },
        message: "einsum: 'ij,jk->il' has l in the output alone; an operand must have it",
      },
      {
        inputs: matrices,
        attrs: { equation: 'ij,ik->jk' },
        message: "einsum: i of 'ij,ik->jk' is 3 and 4; an axis has one size",
      },
      {
        inputs: matrices,
        attrs: { equation: 'ij->ij' },
        message: "einsum: 'ij->ij' has 1 operands, 2 are given; give one for each",
      },
      {
        inputs: [[3, 4]],
        attrs: { equation: 'ijk->i' },
        message: "einsum: 'ijk' names the axes of [3, 4]; each axis needs a letter",
      },
      {
        inputs: [[3, 4]],
        attrs: { equation: 'ij->ii' },
        message: "einsum: 'ij->ii' repeats an axis in the output; each may appear once there",
      },
      {
        inputs: [[3, 4]],
        attrs: { equation: 'i1->i' },
        message: "einsum: the equation is 'i1->i'; it must be letters, commas and '...', as in 'ij,jk->ik'",
      },
    ],
    differentiable: true,
  }),
]
