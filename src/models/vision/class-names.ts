import { fail } from '../../errors.ts'

/**
 * Names of classes from a file, in the order of a classifier's outputs: JSON as `["tench", …]`, as `{"0": "tench", …}` or as
 * `{"0": ["n01440764", "tench"], …}`, or a text with a name on each line, with or without its number before it.
 *
 * @throws WgradError where numbers are missing or come twice.
 */
export function parseClassNames(text: string): string[] {
  const trimmed = text.trim()
  if (trimmed.startsWith('[') || trimmed.startsWith('{')) return fromJson(trimmed)
  const lines = trimmed.split(/\r?\n/).filter((line) => line.trim() !== '')
  const numbered = lines.map((line) => /^\s*(\d+)\s*[,:;\t ]\s*(.+)$/.exec(line))
  if (lines.length > 0 && numbered.every(Boolean))
    return ordered(numbered.map((found) => [Number(found?.[1]), found?.[2] ?? '']))
  return lines.map(readable)
}

function fromJson(text: string): string[] {
  let found: unknown
  try {
    found = JSON.parse(text)
  } catch (error) {
    fail('parseClassNames', `the file is no JSON (${(error as Error).message})`, 'give names of classes')
  }
  if (Array.isArray(found)) return found.map((name) => readable(String(name)))
  return ordered(
    Object.entries(found as Record<string, unknown>).map(([number, name]) => [
      Number(number),
      String(Array.isArray(name) ? name.at(-1) : name),
    ]),
  )
}

function ordered(pairs: readonly (readonly [number: number, name: string])[]): string[] {
  const names = new Array<string | undefined>(pairs.length).fill(undefined)
  for (const [number, name] of pairs) {
    if (!(number in names) || names[number] !== undefined)
      fail(
        'parseClassNames',
        `class ${number} of ${pairs.length}`,
        `each number from 0 to ${pairs.length - 1} must come once`,
      )
    names[number] = readable(name)
  }
  return names as string[]
}

function readable(name: string): string {
  return name.trim().replaceAll('_', ' ')
}
