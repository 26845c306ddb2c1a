import { InvalidArgumentError } from 'commander'

/** Reads a whole number from `low` on. */
export function whole(low: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (text.trim() === '' || !Number.isSafeInteger(value) || value < low)
      throw new InvalidArgumentError(`It must be a whole number, ${low} or more.`)
    return value
  }
}

/** Reads a share from 0 to 1. */
export function share(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !(value >= 0 && value <= 1)) throw new InvalidArgumentError('It must be from 0 to 1.')
  return value
}

/** Reads a number above 0. */
export function positive(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !(value > 0 && value < Infinity))
    throw new InvalidArgumentError('It must be a number above 0.')
  return value
}

/** Reads a number from 0 on. */
export function notNegative(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !(value >= 0 && value < Infinity))
    throw new InvalidArgumentError('It must be a number, 0 or more.')
  return value
}

/** Reads a factor above 0, 1 at most. */
export function factor(text: string): number {
  const value = Number(text)
  if (!(value > 0 && value <= 1)) throw new InvalidArgumentError('It must be above 0, and 1 at most.')
  return value
}

/** Reads names with commas between them. */
export function names(text: string): string[] {
  const found = text.split(',').map((name) => name.trim())
  if (found.includes('')) throw new InvalidArgumentError('It must be names with commas between them.')
  return found
}
