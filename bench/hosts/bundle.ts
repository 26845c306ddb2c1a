import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { compactWgsl } from '../../scripts/compact-wgsl.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Builds the bench as plain JavaScript that needs Node and the package `webgpu` and nothing else, for machines without npm.
 * Answers the path of the program, relative to the repository.
 */
export async function buildBundle(): Promise<string> {
  const folder = join(root, 'out', 'gpu-bundle')
  await build({
    root,
    configFile: false,
    logLevel: 'error',
    plugins: [compactWgsl()],
    // The builds for pages: those for Node reach for files of their own packages.
    resolve: { mainFields: ['module', 'main'] },
    ssr: { noExternal: true, external: ['webgpu', '@sparticuz/chromium'], target: 'node' },
    build: {
      target: 'es2022',
      ssr: true,
      outDir: folder,
      emptyOutDir: true,
      rollupOptions: {
        input: {
          bench: join(root, 'bench', 'hosts', 'bundle-cli.ts'),
          child: join(root, 'bench', 'hosts', 'child.ts'),
        },
        output: { entryFileNames: '[name].mjs', chunkFileNames: '[name]-[hash].mjs' },
      },
    },
  })
  return relative(root, join(folder, 'bench.mjs'))
}
