import { fail } from '../errors.ts'
import { formatShape } from '../shape.ts'

/** A number for both axes of an image, or one for each: height, width. */
export type PairOption = number | readonly [height: number, width: number]

/** Height and width. */
export type Pair = readonly [height: number, width: number]

/** Height and width of an option, checked to be whole numbers of at least `least`. */
export function pairOf(op: string, name: string, value: PairOption, least: number): Pair {
  const pair: readonly number[] = typeof value === 'number' ? [value, value] : value
  if (pair.length !== 2 || pair.some((v) => !Number.isInteger(v) || v < least)) {
    const shown = typeof value === 'number' ? String(value) : formatShape(value)
    fail(op, `${name} is ${shown}`, `it must be a whole number of at least ${least}, or two of them`)
  }
  return [pair[0] as number, pair[1] as number]
}

/** The two numbers of an attribute. */
export function asPair(list: readonly number[]): Pair {
  return [list[0] as number, list[1] as number]
}
