/** JSON, with objects as lists of pairs so that nothing is lost. */
export type Json = string | number | boolean | null | Json[] | { pairs: [string, Json][] }

/** Text of UTF-8 bytes, or an error: text that does not give the same bytes again was none. */
export function utf8(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString('utf8')
  if (Buffer.compare(Buffer.from(text, 'utf8'), bytes) !== 0) throw new Error('no UTF-8')
  return text
}

/** A JSON reader by the letter of RFC 8259, one character after another. */
export function slowJson(text: string): Json {
  let at = 0
  const bad = (): never => {
    throw new Error(`no JSON at ${at}`)
  }
  const blanks = (): void => {
    while (at < text.length && ' \t\n\r'.includes(text[at] as string)) at++
  }
  const take = (token: string): boolean => {
    if (!text.startsWith(token, at)) return false
    at += token.length
    return true
  }
  const string = (): string => {
    let out = ''
    if (!take('"')) bad()
    while (!take('"')) {
      const c = text[at] ?? bad()
      if (c < ' ') bad()
      at++
      if (c !== '\\') {
        out += c
        continue
      }
      const letter = text[at++] ?? bad()
      if (letter === 'u') {
        const hex = text.slice(at, at + 4)
        if (!/^[0-9a-fA-F]{4}$/.test(hex)) bad()
        out += String.fromCharCode(Number.parseInt(hex, 16))
        at += 4
      } else {
        const i = '"\\/bfnrt'.indexOf(letter)
        if (i < 0) bad()
        out += '"\\/\b\f\n\r\t'[i]
      }
    }
    return out
  }
  const number = (): number => {
    const token = /^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/.exec(text.slice(at))?.[0] ?? bad()
    at += token.length
    return Number(token)
  }
  const list = <T>(close: string, item: () => T): T[] => {
    const out: T[] = []
    blanks()
    if (take(close)) return out
    for (;;) {
      blanks()
      out.push(item())
      blanks()
      if (take(close)) return out
      if (!take(',')) bad()
    }
  }
  const pair = (): [string, Json] => {
    const key = string()
    blanks()
    if (!take(':')) bad()
    return [key, value()]
  }
  const value = (): Json => {
    blanks()
    if (take('{')) return { pairs: list('}', pair) }
    if (take('[')) return list(']', value)
    if (text[at] === '"') return string()
    if (take('true')) return true
    if (take('false')) return false
    if (take('null')) return null
    return number()
  }
  const out = value()
  blanks()
  if (at !== text.length) bad()
  return out
}
