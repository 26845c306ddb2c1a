import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

const settings = join(root, 'scripts/docs/typedoc.json')

/** What TypeDoc has to say about the public names, without its colours. */
function referenceFaults(options: string): string {
  const typedoc = join(root, 'node_modules/typedoc/bin/typedoc')
  const { stdout, stderr } = spawnSync(process.execPath, [typedoc, '--options', options, '--emit', 'none'], {
    encoding: 'utf8',
    cwd: root,
    env: { ...process.env, NO_COLOR: '1' },
  })
  return stdout + stderr
}

test('every public name has a docstring, and every link in one leads somewhere', () => {
  expect(referenceFaults(settings)).toBe('')
})

test('a name without a docstring and a link to nowhere are found', () => {
  mkdirSync(join(root, 'out'), { recursive: true })
  const folder = mkdtempSync(join(root, 'out/reference-'))
  try {
    const write = (name: string, text: string): void => writeFileSync(join(folder, name), text)
    write('bare.ts', 'export function bare(): void {}\n/** See {@link nowhere}. */\nexport const linked = 1\n')
    write('tsconfig.json', JSON.stringify({ compilerOptions: { types: [] }, include: ['*.ts'], exclude: [] }))
    const options = { entryPoints: ['bare.ts'], tsconfig: 'tsconfig.json', readme: 'none', projectDocuments: [] }
    write('typedoc.json', JSON.stringify({ extends: [settings], ...options }))
    const faults = referenceFaults(join(folder, 'typedoc.json'))
    expect(faults).toMatch(/bare \(CallSignature\), defined in .*bare\.ts, does not have any documentation/)
    expect(faults).toContain('Failed to resolve link to "nowhere"')
  } finally {
    rmSync(folder, { recursive: true })
  }
})

/** The files that a page links to, relative to the root. */
function linksOf(page: string): string[] {
  const text = readFileSync(join(root, page), 'utf8')
  return [...text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, to]) => resolve(root, page, '..', to as string))
}

test('every link between pages leads to a file', () => {
  const guides = readdirSync(join(root, 'docs/guides')).map((name) => `docs/guides/${name}`)
  const pages = ['README.md', 'CONTRIBUTING.md', 'docs/README.md', 'docs/ops.md', ...guides]
  const index = linksOf('docs/README.md')
  expect(
    guides.filter((guide) => !index.includes(join(root, guide))),
    'guides that the index leaves out',
  ).toEqual([])
  for (const page of pages) {
    for (const link of linksOf(page)) expect(() => readFileSync(link), `${page} links to ${link}`).not.toThrow()
  }
})
