import type { Tensor } from '../../src/index.ts'
import { defineCheck, type InputSpec, type OpCheck } from './check.ts'
import { elementwise } from './reference.ts'

export interface UnaryOptions {
  /** Each list is a sample of its own, so that its errors are relative to its own values. */
  readonly tails?: readonly (readonly number[])[]
  /** The slope changes too fast in the tails for difference quotients. */
  readonly steep?: boolean
  readonly input?: Omit<InputSpec, 'shape'>
  readonly more?: Partial<OpCheck<undefined>>
}

/** A check of a function of one float input, element by element. */
export function unaryCheck(
  op: string,
  f: (x: Tensor) => Tensor,
  value: (x: number) => number,
  { tails = [], steep = false, input = {}, more = {} }: UnaryOptions = {},
): OpCheck {
  return defineCheck<undefined>({
    op,
    call: ([x]) => f(x!),
    reference: (inputs) => elementwise(inputs, ([x = 0]) => value(x)),
    samples: [
      { inputs: [{ ...input, shape: [5, 7] }] },
      ...tails.map((values) => ({ inputs: [{ shape: [values.length], values }], forwardOnly: steep })),
    ],
    differentiable: true,
    fails: [
      {
        inputs: [{ shape: [2], dtype: 'i32' as const }],
        message: `${op}: x is i32; it must be f32 or f16: convert it with cast`,
      },
    ],
    ...more,
  })
}
