import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository's root folder. */
export const root: string = fileURLToPath(new URL('../..', import.meta.url))

/** One import of a source file. */
export interface Import {
  /** The file that imports, relative to the root. */
  from: string
  /** The specifier as written. */
  specifier: string
  /** The file imported, relative to the root, or null where it is a package. */
  to: string | null
  /** Whether the import is gone at run time. */
  isType: boolean
}

/** Paths of the repository's own files, relative to the root, that end in one of `endings`. */
export function listFiles(...endings: string[]): string[] {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '-z']
  const names = execFileSync('git', args, { cwd: root, encoding: 'utf8' }).split('\0')
  return names.filter((name) => endings.some((end) => name.endsWith(end)) && existsSync(join(root, name))).sort()
}

/** The text of a file given relative to the root. */
export function readText(file: string): string {
  return readFileSync(join(root, file), 'utf8')
}

const statement = /^[ \t]*(import|export)\b(\s+type\b)?(?:[^'"`;()]*?\bfrom\b)?\s*['"]([^'"\n]+)['"]/gm
const dynamic = /(\btypeof\s+)?\bimport\(\s*['"]([^'"\n]+)['"]\s*\)/g

/** The imports in `text`, the text of `file`: static, re-exported and dynamic with a literal. */
export function importsOf(file: string, text: string): Import[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
  const resolve = (specifier: string, isType: boolean): Import => {
    const path = specifier.replace(/\?.*$/, '')
    const to = path.startsWith('.') ? normalize(join(dirname(file), path)) : null
    return { from: file, specifier, to, isType }
  }
  const found = [...code.matchAll(statement)].map(([, , type, specifier = '']) =>
    resolve(specifier, type !== undefined),
  )
  for (const [, type, specifier = ''] of code.matchAll(dynamic)) found.push(resolve(specifier, type !== undefined))
  return found
}
