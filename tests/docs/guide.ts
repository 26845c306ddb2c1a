import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** A block of code of a guide. */
export interface Block {
  readonly language: string
  /** The file that the block is the text of (```ts worker.ts); null for a part of the page's own program. */
  readonly file: string | null
  readonly code: string
}

/** The names of the guides, without `.md`. */
export function listGuides(): string[] {
  const names = readdirSync(join(root, 'docs/guides'))
  return names.flatMap((name) => (name.endsWith('.md') ? [name.slice(0, -3)] : [])).sort()
}

/** The blocks of code of a page, in order. */
export function blocksOf(text: string): Block[] {
  return [...text.matchAll(/^```(\w+)(?: ([\w./-]+))?\n([\s\S]*?)^```$/gm)].map(([, language, file, code]) => ({
    language: language as string,
    file: file ?? null,
    code: code as string,
  }))
}

/** The blocks of code of a guide. */
export function readGuide(name: string): Block[] {
  return blocksOf(readFileSync(join(root, 'docs/guides', `${name}.md`), 'utf8'))
}

/** The program that the TypeScript blocks without a file make together, or null where there is none. */
export function programOf(blocks: readonly Block[]): string | null {
  const parts = blocks.filter(({ language, file }) => language === 'ts' && file === null)
  return parts.length > 0 ? parts.map(({ code }) => code).join('\n') : null
}

/** The source behind a public name of the package, relative to the repository. */
export function sourceOf(entry: string): string {
  if (entry === 'wgrad') return 'src/index.ts'
  if (entry === 'wgrad/node') return 'src/node.ts'
  return `src/${entry.slice('wgrad/'.length)}/index.ts`
}

/** `code` with the package's public names replaced by where `place` says that their sources are. */
export function withSources(code: string, place: (source: string) => string): string {
  return code.replace(/\b(from|import\() *'(wgrad[\w/]*)'/g, (_, word: string, entry: string) => {
    return `${word} ${JSON.stringify(place(sourceOf(entry)))}`
  })
}
