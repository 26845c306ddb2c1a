import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { compactWgsl } from '../../scripts/compact-wgsl.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Builds the page with every contestant in a chunk of its own, as an application's bundler would. Answers the folder. */
export async function buildPages(): Promise<string> {
  const folder = join(root, 'out', 'bench-pages')
  await build({
    root,
    configFile: false,
    logLevel: 'error',
    base: './',
    plugins: [compactWgsl()],
    build: {
      target: 'es2022',
      outDir: folder,
      emptyOutDir: true,
      chunkSizeWarningLimit: 1e6,
      modulePreload: false,
      rollupOptions: { input: join(root, 'bench', 'hosts', 'page.html') },
    },
  })
  return folder
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.css': 'text/css',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
}

/** Serves a folder, cross-origin isolated, so that `performance.now()` has its fine resolution. */
export async function serveFolder(folder: string): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname))
    const file = join(folder, path)
    stat(file).then(
      (found) => {
        if (!found.isFile()) return void response.writeHead(404).end()
        response.writeHead(200, {
          'Content-Type': types[extname(file)] ?? 'application/octet-stream',
          'Content-Length': found.size,
          'Cross-Origin-Opener-Policy': 'same-origin',
          'Cross-Origin-Embedder-Policy': 'require-corp',
        })
        createReadStream(file).pipe(response)
      },
      () => response.writeHead(path === '/favicon.ico' ? 204 : 404).end(),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (!address || typeof address === 'string') throw new Error(`bench: the page server has no port: ${address}`)
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.closeAllConnections()
      server.close(() => resolve())
    })
  return { url: `http://127.0.0.1:${address.port}`, close }
}
