import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { InlineConfig, Plugin } from 'vite'
import { compactWgsl } from './compact-wgsl.ts'
import { ownSources } from './own-sources.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

/** The pages: `index.html` of the folder `demos` and of each folder in it. */
function pages(): string[] {
  const files = readdirSync(`${root}demos`, { recursive: true, encoding: 'utf8' })
  return files.filter((file) => /^([\w-]+\/)?index\.html$/.test(file)).map((file) => `${root}demos/${file}`)
}

/** Puts the notices of what the library itself is made of beside those that Vite writes for the pages. */
function notices(): Plugin {
  const name = 'THIRD_PARTY_NOTICES.md'
  return {
    name: 'notices',
    apply: 'build',
    generateBundle() {
      this.emitFile({ type: 'asset', fileName: name, source: readFileSync(root + name, 'utf8') })
    },
  }
}

/** Puts what the pages that train have in common, `<!-- part: name -->`, in its place. */
function parts(): Plugin {
  const folder = `${root}demos/common/parts/`
  return {
    name: 'parts',
    transformIndexHtml: {
      order: 'pre',
      handler: (html) =>
        html.replace(/^( *)<!-- part: (\w+) -->$/gm, (_, indent: string, name: string) =>
          readFileSync(`${folder}${name}.html`, 'utf8')
            .trimEnd()
            .replace(/^(?=.)/gm, indent),
        ),
    },
  }
}

/** How Vite serves the demos and builds them into `dist-demos`: static files that work below any path. */
export function demosConfig(): InlineConfig {
  return {
    root: `${root}demos`,
    base: './',
    configFile: false,
    appType: 'mpa',
    plugins: [parts(), ownSources(), compactWgsl(), notices()],
    // What the bench's engines have of CommonJS; all else is served as it stands.
    optimizeDeps: {
      noDiscovery: true,
      include: ['@tensorflow/tfjs', '@tensorflow/tfjs-backend-webgpu', 'protobufjs/minimal.js'],
    },
    server: { fs: { allow: [root] } },
    worker: { format: 'es', plugins: () => [ownSources(), compactWgsl()] },
    build: {
      target: 'es2022',
      outDir: `${root}dist-demos`,
      emptyOutDir: true,
      license: { fileName: 'licences.md' },
      rollupOptions: { input: pages() },
    },
  }
}
