/**
 * Evaluates a WGSL expression over u32: names, literals such as `12u`, `+ - * / %` and parentheses, with WGSL's wrap-around.
 * Throws on anything else.
 */
export function evaluateU32(expression: string, names: ReadonlyMap<string, number>): number {
  const tokens = expression.match(/\w+|[-+*/%()]|\S/g) ?? []
  let at = 0
  const primary = (): number => {
    const token = tokens[at++] ?? 'the end'
    if (token === '(') {
      const value = sum()
      if (tokens[at++] !== ')') throw new Error(`no ')' in ${expression}`)
      return value
    }
    const known = /^\d+u$/.test(token) ? Number.parseInt(token, 10) : names.get(token)
    if (known === undefined) throw new Error(`${token} in ${expression}`)
    return known
  }
  const product = (): number => {
    let value = primary()
    for (;;) {
      const sign = tokens[at]
      if (sign !== '*' && sign !== '/' && sign !== '%') return value
      at++
      const right = primary()
      if (sign === '*') value = Math.imul(value, right) >>> 0
      else value = (sign === '/' ? Math.floor(value / right) : value % right) >>> 0
    }
  }
  const sum = (): number => {
    let value = product()
    while (tokens[at] === '+' || tokens[at] === '-') {
      const sign = tokens[at++]
      const right = product()
      value = (sign === '+' ? value + right : value - right) >>> 0
    }
    return value
  }
  const value = sum()
  if (at !== tokens.length) throw new Error(`${tokens[at]} in ${expression}`)
  return value
}
