import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { listGuides, programOf, readGuide, sourceOf } from './guide.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const rooms = ['nn', 'optim', 'data', 'io', 'train', 'models', 'node']
const entries = ['wgrad', ...rooms.map((room) => `wgrad/${room}`)]

/** What the compiler has against these files, by their names; they may import each other and the package. */
function typeFaults(files: Readonly<Record<string, string>>): string {
  mkdirSync(join(root, 'out'), { recursive: true })
  const folder = mkdtempSync(join(root, 'out/guides-'))
  try {
    const compilerOptions = {
      paths: Object.fromEntries(entries.map((entry) => [entry, [join(root, sourceOf(entry))]])),
      jsx: 'react-jsx',
      noUnusedLocals: false,
      allowImportingTsExtensions: true,
    }
    const config = {
      extends: join(root, 'tsconfig.json'),
      compilerOptions,
      include: ['**/*', join(root, 'src/**/*.d.ts')],
      exclude: [],
    }
    for (const [name, text] of Object.entries({ ...files, 'tsconfig.json': JSON.stringify(config) })) {
      const path = join(folder, name)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, text)
    }
    const tsc = join(root, 'node_modules/@typescript/native/bin/tsc')
    const { stdout, stderr } = spawnSync(process.execPath, [tsc, '-p', folder, '--pretty', 'false'], {
      encoding: 'utf8',
      cwd: folder,
    })
    return stdout + stderr
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('every program and file of the guides has the right types', () => {
  const files: Record<string, string> = {}
  for (const name of listGuides()) {
    const blocks = readGuide(name)
    const program = programOf(blocks)
    if (program !== null) files[`${name}/program.ts`] = `${program}\nexport {}\n`
    for (const { file, code } of blocks) {
      if (file === null) continue
      expect(files, `${file} is in two guides`).not.toHaveProperty([`files/${file}`])
      files[`files/${file}`] = code
    }
  }
  expect(Object.keys(files).length).toBeGreaterThan(8)
  expect(typeFaults(files)).toBe('')
})

test('a wrong type is found', () => {
  const faults = typeFaults({
    'a.ts': "import { tensor } from 'wgrad'\nconst n: string = tensor([1]).size\nexport { n }\n",
  })
  expect(faults).toContain("a.ts(2,7): error TS2322: Type 'number' is not assignable to type 'string'")
})
