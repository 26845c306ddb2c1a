/**
 * Bounds of a logarithmic axis around `low` to `high`, each with one digit that is not 0: the chart library counts its lines
 * from the lower one, and from another number it would never arrive.
 */
export function logRange(low: number, high: number): [low: number, high: number] {
  if (!(low > 0 && high < Number.POSITIVE_INFINITY)) return [0.1, 3]
  const [from, exponent] = leading(low)
  const [to, above] = leading(high)
  return [Number(`${from}e${exponent}`), Number(`${to + 1}e${above}`)]
}

/** The first digit of a number and its power of ten. */
function leading(value: number): [digit: number, exponent: number] {
  const [digits = '1', exponent = '0'] = value.toExponential().split('e')
  return [Number(digits.charAt(0)), Number(exponent)]
}
