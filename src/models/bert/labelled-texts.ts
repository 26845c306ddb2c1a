import { fail } from '../../errors.ts'

/** Texts with a class each. */
export interface LabelledTexts {
  readonly texts: readonly string[]
  /** The class of each text, as a place in `classes`. */
  readonly labels: readonly number[]
  /** What the file calls the classes. */
  readonly classes: readonly string[]
}

/** How {@link readLabelledTexts} reads. */
export interface LabelledTextsOptions {
  /** The classes there may be, in their order; those that occur, sorted, unless given. */
  readonly classes?: readonly string[]
  /** What messages call the file. */
  readonly name?: string
}

/** Files with no more lines than this may have a class for most of them. */
const fewLines = 10

/**
 * Reads lines of a text, a tab and its class; a first line that ends in `label` is a heading. Quotes are letters like others. Throws for
 * a line without a class or a text, naming it, where there are fewer than two classes, and where most lines have one of their own.
 */
export function readLabelledTexts(tsv: string, options: LabelledTextsOptions = {}): LabelledTexts {
  const { name = 'the file' } = options
  const op = 'readLabelledTexts'
  if (tsv.includes('\0')) fail(op, `${name} holds zero bytes, as UTF-16 has them`, 'save it as UTF-8')
  const texts: string[] = []
  const found: string[] = []
  for (const [i, line] of tsv.split(/\r?\n/).entries()) {
    if (line.trim() === '' || (i === 0 && /\tlabel\s*$/i.test(line))) continue
    const tab = line.lastIndexOf('\t')
    const text = line.slice(0, Math.max(0, tab)).trim()
    const label = line.slice(tab + 1).trim()
    const place = `line ${i + 1} of ${name}`
    if (tab < 0)
      fail(op, `${place} has no tab: ${JSON.stringify(line.slice(0, 40))}`, 'write a text, a tab and its class')
    if (text === '' || label === '')
      fail(op, `${place} has no ${text === '' ? 'text' : 'class'}`, 'write a text, a tab and its class')
    texts.push(text)
    found.push(label)
  }
  const present = [...new Set(found)].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
  const classes = options.classes ?? present
  const unknown = present.filter((label) => !classes.includes(label))
  if (unknown.length > 0) fail(op, `${name} has the class ${listed(unknown)}`, `the classes are ${listed(classes)}`)
  if (!options.classes && present.length >= fewLines && 2 * present.length > texts.length)
    fail(
      op,
      `${name} has ${present.length} classes in ${texts.length} lines`,
      'write the text first, then a tab and its class',
    )
  if (classes.length < 2)
    fail(
      op,
      `${name} has ${texts.length} texts, all of class ${present.join() || 'none'}`,
      'texts of at least two classes are needed',
    )
  return { texts, labels: found.map((label) => classes.indexOf(label)), classes }
}

/** The first few of some names. */
function listed(names: readonly string[]): string {
  return names.length > 5 ? `${names.slice(0, 5).join(', ')} and ${names.length - 5} more` : names.join(', ')
}
