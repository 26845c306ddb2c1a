import { fileURLToPath } from 'node:url'
import { createServer } from 'vite'

/** A running page server. */
export interface PageServer {
  /**
   * The address without a trailing slash. `/blank` is an empty page; every file of the repository is a module below it.
   */
  url: string
  close(): Promise<void>
}

const blank =
  '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>wgrad</title></head><body></body></html>'

/**
 * Serves the repository's sources to a browser through Vite, cross-origin isolated, so that `performance.now()` has
 * its fine resolution. Modules are compiled on request and never watched.
 */
export async function servePages(): Promise<PageServer> {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const headers = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' }
  const server = await createServer({
    root,
    configFile: false,
    logLevel: 'error',
    appType: 'mpa',
    optimizeDeps: { noDiscovery: true },
    server: { host: '127.0.0.1', port: 0, headers, hmr: false, watch: null },
    plugins: [
      {
        name: 'blank-page',
        configureServer(dev) {
          dev.middlewares.use('/blank', (_request, response) => {
            for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
            response.setHeader('Content-Type', 'text/html')
            response.end(blank)
          })
        },
      },
    ],
  })
  await server.listen()
  const address = server.httpServer?.address()
  if (!address || typeof address === 'string') throw new Error(`the page server has no port: ${address}`)
  return { url: `http://127.0.0.1:${address.port}`, close: () => server.close() }
}
