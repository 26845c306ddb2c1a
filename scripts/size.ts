// Bundles the README's training example, minified with its shaders, and prints its size and the ops inside.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { build, type Rolldown } from 'vite'
import { compactWgsl } from './compact-wgsl.ts'
import { ownSources } from './own-sources.ts'

const limit = 60_000
const root = fileURLToPath(new URL('..', import.meta.url))

/** The code that loads with the entry, and the modules that left something in it, relative to the root. */
async function bundle(entry: string): Promise<{ code: string; modules: string[] }> {
  const output = (await build({
    root,
    configFile: false,
    logLevel: 'error',
    plugins: [ownSources(), compactWgsl()],
    build: {
      write: false,
      target: 'es2022',
      minify: true,
      rollupOptions: {
        input: entry,
        external: [/^node:/, 'webgpu'],
        preserveEntrySignatures: false,
      },
      modulePreload: false,
    },
  })) as Rolldown.RolldownOutput
  const chunks = new Map(output.output.flatMap((file) => (file.type === 'chunk' ? [[file.fileName, file]] : [])))
  const [first] = [...chunks.values()].filter((chunk) => chunk.isEntry)
  // What the entry imports at once is what a page waits for; what it may load later is not.
  const loaded = new Set(first ? [first] : [])
  for (const chunk of loaded) for (const name of chunk.imports) loaded.add(chunks.get(name) ?? chunk)
  const modules = [...loaded].flatMap((chunk) =>
    Object.entries(chunk.modules)
      .filter(([, module]) => module.renderedLength > 0)
      .map(([id]) => id.replace(root, '').replace(/\?.*$/, '')),
  )
  return { code: [...loaded].map((chunk) => chunk.code).join('\n'), modules: modules.sort() }
}

const example = /^```ts\n([\s\S]*?)^```/m.exec(readFileSync(join(root, 'README.md'), 'utf8'))?.[1]
if (!example) throw new Error('size: README.md has no ```ts block')
const folder = mkdtempSync(join(tmpdir(), 'wgrad-size-'))
try {
  const entry = join(folder, 'example.ts')
  writeFileSync(entry, example)
  const { code, modules } = await bundle(entry)
  const names = (folderName: string, ending: string): string =>
    modules
      .filter((name) => name.startsWith(folderName) && name.endsWith(ending))
      .map((name) => name.slice(folderName.length, -ending.length))
      .join(', ')
  const count = (bytes: number): string => bytes.toLocaleString('en').padStart(9)
  const gzip = gzipSync(code, { level: 9 }).length
  console.log(`minified ${count(Buffer.byteLength(code))} bytes`)
  console.log(`gzip     ${count(gzip)} bytes of ${limit.toLocaleString('en')} allowed`)
  console.log(`brotli   ${count(brotliCompressSync(code).length)} bytes`)
  console.log(`ops      ${names('src/ops/', '.ts')}`)
  console.log(`shaders  ${names('shaders/', '.wgsl')}`)
  if (gzip > limit) {
    console.error(`size: the example takes ${gzip} bytes gzipped; at most ${limit} are allowed`)
    process.exitCode = 1
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
