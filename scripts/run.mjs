// node scripts/run.mjs FILE.ts [arguments]: runs a TypeScript file with its imports, `?raw` shaders included.
import { openLoader } from './load.mjs'

const [file] = process.argv.splice(2, 1)
if (!file) throw new Error('run: names no file; node scripts/run.mjs FILE.ts')
const loader = await openLoader()
try {
  await loader.load(file)
} finally {
  await loader.close()
}
