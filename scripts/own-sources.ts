import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Plugin } from 'vite'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Resolves the package's public names (`wgrad`, `wgrad/nn`, …) to its sources. */
export function ownSources(): Plugin {
  return {
    name: 'own-sources',
    enforce: 'pre',
    resolveId(id) {
      if (id === 'wgrad' || id === 'wgrad/node') return join(root, `src/${id === 'wgrad' ? 'index' : 'node'}.ts`)
      const part = /^wgrad\/(\w+)$/.exec(id)?.[1]
      return part ? join(root, `src/${part}/index.ts`) : null
    },
  }
}
