import { WgradError } from '../errors.ts'

/** Whether an expression yields an integer or a truth value. */
export type ExpressionKind = 'int' | 'flag'

/** Values of the names that an expression may read. */
export type Scope = ReadonlyMap<string, number | boolean>

/** A parsed expression: its kind and how to compute it. */
export interface Expression {
  readonly kind: ExpressionKind
  readonly evaluate: (scope: Scope) => number | boolean
}

/** The kind of a name in scope; throws the caller's own error for a name that is unknown or not a number or flag. */
export type KindOf = (name: string) => ExpressionKind

const TOKEN = /\s*(?:(\d+)|([A-Za-z_]\w*)|(\|\||&&|[=!<>]=|[-+*/%()<>!]))/y

type IntOperation = (a: number, b: number) => number | boolean

const COMPARISONS: Readonly<Record<string, IntOperation>> = {
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
}
const SUMS: Readonly<Record<string, IntOperation>> = { '+': (a, b) => a + b, '-': (a, b) => a - b }
const PRODUCTS: Readonly<Record<string, IntOperation>> = {
  '*': (a, b) => a * b,
  '/': (a, b) => Math.trunc(a / b),
  '%': (a, b) => a % b,
}

function tokenize(source: string, where: string): string[] {
  const tokens: string[] = []
  let position = 0
  const end = source.trimEnd().length
  while (position < end) {
    TOKEN.lastIndex = position
    const match = TOKEN.exec(source)
    if (match === null) {
      const found = source.slice(position).trim().charAt(0)
      throw new WgradError(`${where}: '${source.trim()}' has an unexpected '${found}'`)
    }
    tokens.push(match[0].trim())
    position = TOKEN.lastIndex
  }
  return tokens
}

/**
 * Parses an expression of integers, names, `+ - * / %`, comparisons, `! && ||` and parentheses.
 * Division truncates towards zero. `where` (`file:line`) opens every error message.
 */
export function parseExpression(source: string, where: string, kindOf: KindOf): Expression {
  const text = source.trim()
  const tokens = tokenize(source, where)
  let next = 0

  const fail = (what: string): never => {
    throw new WgradError(`${where}: '${text}' ${what}`)
  }
  const expect = (expression: Expression, kind: ExpressionKind, operator: string): Expression => {
    if (expression.kind !== kind) fail(`gives ${operator} a ${expression.kind}; it takes ${kind}s`)
    return expression
  }

  function binary(
    operations: Readonly<Record<string, IntOperation>>,
    operand: () => Expression,
    kind: ExpressionKind,
  ): Expression {
    let left = operand()
    for (;;) {
      const operator = tokens[next]
      const operation = operator === undefined ? undefined : operations[operator]
      if (operator === undefined || operation === undefined) return left
      next++
      const a = expect(left, 'int', operator)
      const b = expect(operand(), 'int', operator)
      const divides = operator === '/' || operator === '%'
      left = {
        kind,
        evaluate: (scope) => {
          const divisor = Number(b.evaluate(scope))
          if (divides && divisor === 0) fail('divides by zero')
          return operation(Number(a.evaluate(scope)), divisor)
        },
      }
    }
  }

  function logical(operator: '&&' | '||', operand: () => Expression): Expression {
    let left = operand()
    while (tokens[next] === operator) {
      next++
      const a = expect(left, 'flag', operator)
      const b = expect(operand(), 'flag', operator)
      const isAnd = operator === '&&'
      left = { kind: 'flag', evaluate: (scope) => (isAnd === a.evaluate(scope) ? b.evaluate(scope) : !isAnd) }
    }
    return left
  }

  function unary(): Expression {
    const token = tokens[next++]
    if (token === undefined) return fail('ends too early')
    if (token === '-') {
      const operand = expect(unary(), 'int', '-')
      return { kind: 'int', evaluate: (scope) => 0 - Number(operand.evaluate(scope)) }
    }
    if (token === '!') {
      const operand = expect(unary(), 'flag', '!')
      return { kind: 'flag', evaluate: (scope) => !operand.evaluate(scope) }
    }
    if (token === '(') {
      const inner = disjunction()
      if (tokens[next++] !== ')') fail("lacks a ')'")
      return inner
    }
    if (/^\d/.test(token)) {
      const value = Number(token)
      return { kind: 'int', evaluate: () => value }
    }
    if (/^\w/.test(token)) {
      return {
        kind: kindOf(token),
        evaluate: (scope) => scope.get(token) ?? fail(`reads ${token}, which has no value`),
      }
    }
    return fail(`has an unexpected '${token}'`)
  }

  const product = (): Expression => binary(PRODUCTS, unary, 'int')
  const sum = (): Expression => binary(SUMS, product, 'int')
  const comparison = (): Expression => binary(COMPARISONS, sum, 'flag')
  const conjunction = (): Expression => logical('&&', comparison)
  function disjunction(): Expression {
    return logical('||', conjunction)
  }

  const result = disjunction()
  if (next < tokens.length) fail(`has an unexpected '${tokens[next] ?? ''}'`)
  return result
}
