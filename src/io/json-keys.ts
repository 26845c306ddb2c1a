const quote = 0x22
const backslash = 0x5c

/**
 * What `JSON.parse` does not tell of a text, found before it runs: nesting deeper than `maxDepth`, and a key that an
 * object has twice. Returns the fault in words, or null. Text that is no JSON is left for `JSON.parse` to refuse.
 */
export function jsonFault(text: string, maxDepth: number): string | null {
  // One set of keys for each open object, null for each open array.
  const open: (Set<string> | null)[] = []
  for (let i = 0; i < text.length; i++) {
    const c = text[i]
    if (c === '{' || c === '[') {
      if (open.length === maxDepth) return `it is nested deeper than ${maxDepth} levels at character ${i}`
      open.push(c === '{' ? new Set() : null)
    } else if (c === '}' || c === ']') {
      open.pop()
    } else if (c === '"') {
      const end = stringEnd(text, i)
      const keys = open.at(-1)
      if (keys && text[skipBlanks(text, end)] === ':') {
        const key = keyOf(text.slice(i, end))
        if (keys.has(key)) return `the name ${short(JSON.stringify(key))} appears twice`
        keys.add(key)
      }
      i = end - 1
    }
  }
  return null
}

/** Where the string that opens at `from` is over: behind its closing quote. */
function stringEnd(text: string, from: number): number {
  for (let i = from + 1; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c === backslash) i++
    else if (c === quote) return i + 1
  }
  return text.length
}

function skipBlanks(text: string, from: number): number {
  let i = from
  while (text[i] === ' ' || text[i] === '\n' || text[i] === '\t' || text[i] === '\r') i++
  return i
}

/** The key a literal stands for, so that an escape cannot hide a repetition. */
function keyOf(literal: string): string {
  if (!literal.includes('\\')) return literal.slice(1, -1)
  try {
    return JSON.parse(literal) as string
  } catch {
    return literal
  }
}

/** At most 80 characters of a text, for messages. */
export function short(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}
