import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js'
import { WgradError } from '../errors.ts'
import { HIDDEN_HASH, listOf, type ParamType, type ParamTypes, parseFile, type TemplateNode } from './template-parse.ts'

export type { ParamType, ParamTypes } from './template-parse.ts'

/** A value for one template parameter. */
export type ParamValue = number | boolean | string

type ValueOf<T extends ParamType> = T extends 'flag' ? boolean : T extends 'code' | 'type' ? string : number

/** The values that a template with these parameter types takes. */
export type ParamValues<P extends ParamTypes> = { readonly [K in keyof P]: ValueOf<P[K]> }

/** A `.wgsl` file with named, typed parameters, parsed once. */
export interface Template<P extends ParamTypes = ParamTypes> {
  readonly file: string
  readonly text: string
  readonly paramTypes: P
  readonly nodes: readonly TemplateNode[]
}

const MAX_REPEATS = 4096

/**
 * Declares a template: its file name (for messages), its text, its parameters, and the texts that its `#include`s name.
 * Throws if the text uses an undeclared parameter, leaves a declared one unused, or has a malformed directive.
 *
 * Text: `${NAME}` and integer expressions such as `${I * 4 + J}`; `#if` / `#elif` / `#else` / `#endif` on flags and
 * comparisons of integers; `#for I in 0..TM` (the end excluded) / `#endfor`; `#include "lib/name.wgsl"`, each file
 * once. An expression with an operator prints a bare integer, a name alone prints by its type.
 */
/* @__NO_SIDE_EFFECTS__ */
export function defineTemplate<const P extends ParamTypes>(
  file: string,
  text: string,
  paramTypes: P,
  includes: Readonly<Record<string, string>> = {},
): Template<P> {
  const used = new Set<string>()
  const openFiles: string[] = [file.replace(/^shaders\//, '')]
  const parser = { paramTypes, includes, loopNames: [], used, openFiles, parsedFiles: new Map() }
  const nodes = parseFile(parser, file, text)
  const unused = Object.keys(paramTypes).filter((name) => !used.has(name))
  if (unused.length > 0) {
    throw new WgradError(`${file}: ${unused.join(', ')} is declared but the text never uses it; remove it`)
  }
  return { file, text, paramTypes, nodes }
}

function formatParam(type: ParamType, value: ParamValue): string | null {
  switch (type) {
    case 'flag':
      return typeof value === 'boolean' ? String(value) : null
    case 'code':
      return typeof value === 'string' && !/\$\{|^[ \t]*#/m.test(value) ? value : null
    case 'type':
      return typeof value === 'string' && /^[A-Za-z_][\w<>, ]*$/.test(value) ? value : null
    case 'f32': {
      if (typeof value !== 'number' || !Number.isFinite(Math.fround(value))) return null
      const digits = Object.is(value, -0) ? '-0' : String(value)
      return `f32(${/[.e]/.test(digits) ? digits : `${digits}.0`})`
    }
    default: {
      if (typeof value !== 'number' || !Number.isInteger(value)) return null
      const [low, high] =
        type === 'u32' ? [0, 0xffffffff] : type === 'i32' ? [-0x7fffffff, 0x7fffffff] : [-(2 ** 53), 2 ** 53]
      if (value < low || value > high) return null
      const suffix = type === 'u32' ? 'u' : type === 'i32' ? 'i' : ''
      return value < 0 ? `(${value}${suffix})` : `${value}${suffix}`
    }
  }
}

const EXPECTED: Readonly<Record<ParamType, string>> = {
  u32: 'an integer from 0 to 4294967295',
  i32: 'an integer from -2147483647 to 2147483647',
  int: 'an integer',
  f32: 'a finite number within the f32 range',
  flag: 'true or false',
  code: 'WGSL text without ${ and directives',
  type: 'a WGSL type name',
}

function checkNames(template: Template, params: Readonly<Record<string, ParamValue>>): void {
  for (const [name, type] of Object.entries(template.paramTypes)) {
    if (params[name] === undefined) {
      throw new WgradError(`${template.file}: parameter ${name} has no value; pass ${EXPECTED[type]}`)
    }
  }
  for (const name of Object.keys(params)) {
    if (!Object.hasOwn(template.paramTypes, name)) {
      const declared = listOf(Object.keys(template.paramTypes))
      throw new WgradError(`${template.file}: ${name} is not a declared parameter (declared: ${declared})`)
    }
  }
}

function printParam(file: string, name: string, type: ParamType, value: ParamValue): string {
  const printed = formatParam(type, value)
  if (printed !== null) return printed
  const found = typeof value === 'string' ? JSON.stringify(value) : String(value)
  throw new WgradError(`${file}: ${name} is ${found}; its type, ${type}, is ${EXPECTED[type]}`)
}

/** Writes a template out as WGSL. Throws on a missing, unknown or wrongly typed parameter, naming the file. */
export function renderTemplate<P extends ParamTypes>(template: Template<P>, params: ParamValues<P>): string {
  const given: Readonly<Record<string, ParamValue>> = params
  checkNames(template, given)
  const printed = new Map<string, string>()
  const scope = new Map<string, number | boolean>()
  for (const [name, value] of Object.entries(given)) {
    const type = template.paramTypes[name]
    if (type === undefined) continue
    printed.set(name, printParam(template.file, name, type, value))
    if (typeof value !== 'string') scope.set(name, value)
  }

  const strings: string[] = ['']
  const values: (string | boolean)[] = []
  const included = new Set<string>()
  const addText = (text: string): void => {
    strings[strings.length - 1] += text
  }
  const addValue = (value: string | boolean): void => {
    values.push(value)
    strings.push('')
  }

  function expand(nodes: readonly TemplateNode[]): void {
    for (const node of nodes) {
      switch (node.kind) {
        case 'text':
          addText(node.text)
          break
        case 'param':
          addValue(printed.get(node.name) ?? '')
          break
        case 'value': {
          const value = Number(node.expression.evaluate(scope))
          addValue(value < 0 ? `(${value})` : String(value))
          break
        }
        case 'include':
          if (!included.has(node.file)) {
            included.add(node.file)
            expand(node.nodes)
          }
          break
        case 'if': {
          // A branch not taken is not expanded: its loops and expressions need not make sense for these values.
          let isDecided = false
          for (const [index, { condition, nodes: body }] of node.branches.entries()) {
            const isTaken: boolean = !isDecided && (condition === null || condition.evaluate(scope) === true)
            if (condition === null) addText('#else ')
            else {
              addText(index === 0 ? '#if ' : '#elif ')
              addValue(isTaken)
            }
            if (isTaken) expand(body)
            isDecided ||= isTaken
          }
          addText('#endif ')
          break
        }
        case 'for': {
          const from = Number(node.from.evaluate(scope))
          const to = Number(node.to.evaluate(scope))
          if (to - from > MAX_REPEATS) {
            throw new WgradError(`${node.where}: the loop repeats its text ${to - from} times; at most ${MAX_REPEATS}`)
          }
          for (let i = from; i < to; i++) {
            scope.set(node.name, i)
            expand(node.nodes)
          }
          scope.delete(node.name)
          break
        }
      }
    }
  }
  expand(template.nodes)
  return wgsl(strings, ...values)
    .replace(/[ \t]+$/gm, '')
    .replace(/^\n/, '')
    .replaceAll(HIDDEN_HASH, '#')
}
