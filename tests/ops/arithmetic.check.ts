import { add } from '../../src/index.ts'
import { defineCheck, type OpCheck } from './check.ts'
import { elementwise } from './reference.ts'

export const arithmeticChecks: readonly OpCheck[] = [
  defineCheck({
    op: 'add',
    call: ([a, b]) => add(a!, b!),
    reference: (inputs) => elementwise(inputs, ([a = 0, b = 0]) => a + b),
    samples: [{ inputs: [[3, 5], [5]] }],
    differentiable: true,
  }),
]
