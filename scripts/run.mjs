// node scripts/run.mjs FILE.ts [arguments]: runs a TypeScript file with its imports, `?raw` shaders included.
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runnerImport } from 'vite'

const [file] = process.argv.splice(2, 1)
if (!file) throw new Error('run: names no file; node scripts/run.mjs FILE.ts')
const root = fileURLToPath(new URL('..', import.meta.url))
await runnerImport(resolve(root, file), { root, configFile: false, logLevel: 'error' })
