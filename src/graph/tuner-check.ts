import { isFloat, type TypedArray } from '../dtype.ts'
import { numel } from '../shape.ts'
import type { Choice } from './choose.ts'

/** How far results may differ, relative to the largest element, for a sum of so many terms. */
export function toleranceOf({ op, inputs, outputs, attrs }: Choice): number {
  const count = Math.max(
    1,
    outputs.reduce((sum, s) => sum + numel(s.shape), 0),
  )
  const { flops } = op.cost(inputs, outputs, attrs as never)
  const terms = Math.max(flops, ...inputs.map((s) => numel(s.shape))) / count
  const stored = outputs.some((s) => s.dtype === 'f16') ? 2 ** -9 : 1e-4
  // Rounding errors of a sum in another order grow with the root of its length, a few units of 2^-24 each.
  return stored + 3e-7 * Math.sqrt(terms)
}

/** The largest difference of two results relative to the largest element of `b`, and the output and element where it is. */
function difference(
  a: readonly TypedArray[],
  b: readonly TypedArray[],
  choice: Choice,
): { readonly by: number; readonly output: number; readonly element: number } {
  let worst = { by: 0, output: 0, element: 0 }
  b.forEach((expected, output) => {
    const given = a[output] as TypedArray
    const exact = !isFloat((choice.outputs[output] as { readonly dtype: 'f32' }).dtype)
    let scale = Number.MIN_VALUE
    for (const v of expected) if (Math.abs(v) > scale && Number.isFinite(v)) scale = Math.abs(v)
    for (let i = 0; i < expected.length; i++) {
      const [x, y] = [given[i] as number, expected[i] as number]
      if (Object.is(x, y) || x === y) continue
      const by = exact ? Number.POSITIVE_INFINITY : Math.abs(x - y) / scale
      if (!(by <= worst.by)) worst = { by: Number.isNaN(by) ? Number.POSITIVE_INFINITY : by, output, element: i }
    }
  })
  return worst
}

function allFinite(outputs: readonly TypedArray[]): boolean {
  return outputs.every((values) => values.every((v: number) => Number.isFinite(v)))
}

/**
 * Compares the results of several kernels for the same inputs and says what is wrong with those that stand apart: those
 * that are not finite where others are, and those that differ from the reference. The reference is the kernel with which most
 * agree, the first of them where numbers are equal, so that a wrong default does not strike off the others.
 */
export function faultsOf(results: ReadonlyMap<string, readonly TypedArray[]>, choice: Choice): Map<string, string> {
  const faults = new Map<string, string>()
  const finite = [...results].filter(([, outputs]) => allFinite(outputs))
  if (finite.length > 0)
    for (const [name, outputs] of results) if (!allFinite(outputs)) faults.set(name, 'its result is not finite')
  const rest = finite.length > 0 ? finite : [...results]
  const tolerance = toleranceOf(choice)
  const camps: [string, readonly TypedArray[]][][] = []
  for (const each of rest) {
    const camp = camps.find(([first]) => difference(each[1], (first as typeof each)[1], choice).by <= tolerance)
    if (camp) camp.push(each)
    else camps.push([each])
  }
  const [reference] = camps.reduce((a, b) => (b.length > a.length ? b : a), []) as [string, readonly TypedArray[]][]
  if (!reference) return faults
  for (const [name, outputs] of rest) {
    const { by, output, element } = difference(outputs, reference[1], choice)
    if (by <= tolerance) continue
    const amount = Number.isFinite(by) ? `by ${by.toExponential(1)} of the largest element, at` : 'at'
    faults.set(
      name,
      `its result differs from that of ${reference[0]} ${amount} element ${element} of those compared of output ${output}`,
    )
  }
  return faults
}
