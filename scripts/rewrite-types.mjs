// Makes the emitted declarations resolve for every consumer: relative imports name the .js beside the .d.ts.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('../dist', import.meta.url))
for (const entry of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
  const path = join(folder, entry)
  if (!entry.endsWith('.d.ts')) continue
  const text = readFileSync(path, 'utf8')
  const fixed = text.replace(/((?:from|import|declare module)\s*\(?\s*['"]\.[^'"\n]*)\.ts(['"])/g, '$1.js$2')
  if (fixed !== text) writeFileSync(path, fixed)
}
rmSync(join(folder, 'vite-env.d.ts'), { force: true })
