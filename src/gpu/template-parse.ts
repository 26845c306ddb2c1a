import { WgradError } from '../errors.ts'
import { type Expression, type ExpressionKind, parseExpression } from './template-expression.ts'

/**
 * How a parameter's value is written into WGSL: `u32` as `16u`, `i32` as `16i` or `(-1i)`, `f32` as `f32(0.5)`,
 * `int` as a bare integer, `flag` for conditions, `code` and `type` as the given text.
 */
export type ParamType = 'u32' | 'i32' | 'f32' | 'int' | 'flag' | 'code' | 'type'

/** Parameter names of a template and their types. */
export type ParamTypes = Readonly<Record<string, ParamType>>

interface Branch {
  readonly condition: Expression | null
  readonly nodes: readonly TemplateNode[]
}

/** A piece of a parsed template. */
export type TemplateNode =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'param'; readonly name: string }
  | { readonly kind: 'value'; readonly expression: Expression }
  | { readonly kind: 'if'; readonly branches: readonly Branch[] }
  | {
      readonly kind: 'for'
      readonly name: string
      readonly from: Expression
      readonly to: Expression
      readonly where: string
      readonly nodes: readonly TemplateNode[]
    }
  | { readonly kind: 'include'; readonly file: string; readonly nodes: readonly TemplateNode[] }

const NAME = /^[A-Za-z_]\w*$/
/** Stands for '#' in plain text: the preprocessor reads '#' anywhere as a directive. */
export const HIDDEN_HASH = '\ue000'

/** What the parse of one template and its includes shares; `used` collects the parameters read. */
export interface Parser {
  readonly paramTypes: ParamTypes
  readonly includes: Readonly<Record<string, string>>
  readonly loopNames: string[]
  readonly used: Set<string>
  readonly openFiles: string[]
  readonly parsedFiles: Map<string, readonly TemplateNode[]>
}

/** Names joined for a message. */
export function listOf(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.join(', ')
}

function kindOfName(parser: Parser, name: string, where: string): ExpressionKind {
  if (parser.loopNames.includes(name)) return 'int'
  const type = Object.hasOwn(parser.paramTypes, name) ? parser.paramTypes[name] : undefined
  if (type === undefined) {
    const declared = listOf(Object.keys(parser.paramTypes))
    throw new WgradError(`${where}: \${${name}} is not a declared parameter (declared: ${declared})`)
  }
  parser.used.add(name)
  if (type === 'flag') return 'flag'
  if (type === 'int' || type === 'u32' || type === 'i32') return 'int'
  throw new WgradError(`${where}: ${name} is a ${type} parameter; an expression takes integers and flags`)
}

function parseIn(parser: Parser, source: string, where: string, kind: ExpressionKind): Expression {
  const expression = parseExpression(source, where, (name) => kindOfName(parser, name, where))
  if (expression.kind !== kind) {
    throw new WgradError(`${where}: '${source.trim()}' yields ${expression.kind}; ${kind} is needed here`)
  }
  return expression
}

function parseTextLine(parser: Parser, line: string, where: string): TemplateNode[] {
  const nodes: TemplateNode[] = []
  let position = 0
  for (;;) {
    const start = line.indexOf('${', position)
    const literal = line.slice(position, start < 0 ? undefined : start)
    // The line break belongs to the line that follows it, so that a directive line leaves nothing behind.
    nodes.push({ kind: 'text', text: (position === 0 ? '\n' : '') + literal.replaceAll('#', HIDDEN_HASH) })
    if (start < 0) return nodes
    const end = line.indexOf('}', start)
    if (end < 0) throw new WgradError(`${where}: '\${' is not closed on its line`)
    const source = line.slice(start + 2, end).trim()
    if (NAME.test(source) && !parser.loopNames.includes(source)) {
      if (Object.hasOwn(parser.paramTypes, source)) parser.used.add(source)
      else kindOfName(parser, source, where)
      nodes.push({ kind: 'param', name: source })
    } else {
      nodes.push({ kind: 'value', expression: parseIn(parser, source, where, 'int') })
    }
    position = end + 1
  }
}

function parseInclude(parser: Parser, file: string, where: string): TemplateNode {
  const text = Object.hasOwn(parser.includes, file) ? parser.includes[file] : undefined
  if (text === undefined) {
    throw new WgradError(`${where}: there is no "${file}" to include (known: ${listOf(Object.keys(parser.includes))})`)
  }
  if (parser.openFiles.includes(file)) {
    throw new WgradError(`${where}: include cycle ${[...parser.openFiles, file].join(' -> ')}`)
  }
  let nodes = parser.parsedFiles.get(file)
  if (nodes === undefined) {
    parser.openFiles.push(file)
    nodes = parseFile({ ...parser, loopNames: [] }, `shaders/${file}`, text)
    parser.openFiles.pop()
    parser.parsedFiles.set(file, nodes)
  }
  return { kind: 'include', file, nodes }
}

/** Parses one file's text; `file` opens its error messages. */
export function parseFile(parser: Parser, file: string, text: string): TemplateNode[] {
  const lines = text.replaceAll('\r\n', '\n').split('\n')
  let at = 0

  // Reads nodes up to a directive that ends a block; answers with it, or null at the end of the file.
  function parseBlock(nodes: TemplateNode[]): { word: string; rest: string; where: string } | null {
    while (at < lines.length) {
      const line = lines[at++] ?? ''
      const where = `${file}:${at}`
      const trimmed = line.trim()
      if (!trimmed.startsWith('#')) {
        nodes.push(...parseTextLine(parser, line, where))
        continue
      }
      const match = /^#(if|elif|for|include)\s+(\S.*)$/.exec(trimmed) ?? /^#(else|endif|endfor)$/.exec(trimmed)
      if (match === null) {
        const hint = /^#else\s+if\b/.test(trimmed)
          ? 'write #elif'
          : 'directives are #if, #elif, #else, #endif, #for, #endfor and #include, alone on their line'
        throw new WgradError(`${where}: '${trimmed}' is not a directive; ${hint}`)
      }
      const word = match[1] ?? ''
      const rest = match[2] ?? ''
      if (word === 'if') nodes.push(parseIf(rest, where))
      else if (word === 'for') nodes.push(parseFor(rest, where))
      else if (word === 'include') {
        const name = /^"([^"]+)"$/.exec(rest)?.[1]
        if (name === undefined) throw new WgradError(`${where}: '${trimmed}' must be #include "lib/name.wgsl"`)
        nodes.push(parseInclude(parser, name, where))
      } else return { word, rest, where }
    }
    return null
  }

  function parseIf(condition: string, where: string): TemplateNode {
    const branches: Branch[] = []
    let test: Expression | null = parseIn(parser, condition, where, 'flag')
    for (;;) {
      const nodes: TemplateNode[] = []
      const end = parseBlock(nodes)
      branches.push({ condition: test, nodes })
      if (end === null) throw new WgradError(`${where}: #if ${condition} is never closed by #endif`)
      if (end.word === 'endif') return { kind: 'if', branches }
      if (end.word === 'endfor' || test === null) {
        throw new WgradError(`${end.where}: #${end.word} does not belong to the #if of line ${where.split(':').pop()}`)
      }
      test = end.word === 'else' ? null : parseIn(parser, end.rest, end.where, 'flag')
    }
  }

  function parseFor(header: string, where: string): TemplateNode {
    const match = /^([A-Za-z_]\w*)\s+in\s+(.+?)\.\.(.+)$/.exec(header)
    const [, name, from, to] = match ?? []
    if (name === undefined || from === undefined || to === undefined) {
      throw new WgradError(`${where}: '#for ${header}' must be #for NAME in FROM..TO`)
    }
    if (Object.hasOwn(parser.paramTypes, name) || parser.loopNames.includes(name)) {
      throw new WgradError(`${where}: the loop variable ${name} is already a name here; choose another`)
    }
    const bounds = [parseIn(parser, from, where, 'int'), parseIn(parser, to, where, 'int')] as const
    parser.loopNames.push(name)
    const nodes: TemplateNode[] = []
    const end = parseBlock(nodes)
    parser.loopNames.pop()
    if (end === null) throw new WgradError(`${where}: #for ${header} is never closed by #endfor`)
    if (end.word !== 'endfor') {
      throw new WgradError(`${end.where}: #${end.word} does not belong to the #for of line ${where.split(':').pop()}`)
    }
    return { kind: 'for', name, from: bounds[0], to: bounds[1], where, nodes }
  }

  const nodes: TemplateNode[] = []
  const stray = parseBlock(nodes)
  if (stray !== null) throw new WgradError(`${stray.where}: #${stray.word} closes nothing`)
  return nodes
}
