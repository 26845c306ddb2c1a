import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { build, mergeConfig } from 'vite'
import { inject } from 'vitest'
import { demosConfig } from '../../scripts/demos-config.ts'

/** The demos as a static site on a server of their own. */
export interface Site {
  /** Address of the list of demos. */
  index: string
  /** Address of the page in a folder of the demos, somewhere below the server's root. */
  page(folder: string): string
  close(): Promise<void>
}

/** A site lies wherever its host puts it. */
const base = '/some/where/'

const types: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' }

/** Nothing inline but styles, which the chart library sets; nothing from elsewhere. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
].join('; ')

/** The folder with the demos, built by the first file of tests that asks; such files run one after the other. */
async function builtDemos(): Promise<string> {
  const folder = inject('demos')
  if (!existsSync(join(folder, 'index.html')))
    await build(mergeConfig(demosConfig(), { logLevel: 'error', build: { outDir: folder } }))
  return folder
}

/** Serves the demos; `mnist` is a folder to serve as `mnist/` beside them. */
export async function openSite(mnist: string | null): Promise<Site> {
  const folder = await builtDemos()
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url ?? '/', 'http://localhost').pathname)
    const inside = path.startsWith(base) ? path.slice(base.length) : '\0'
    // Servers may take any time; this one waits until somebody gives up.
    if (inside.startsWith('silent/')) return
    const file = mnist && inside.startsWith('mnist/') ? join(mnist, inside.slice(6)) : join(folder, inside)
    readFile(file).then(
      (data) => {
        const type = types[extname(file)] ?? 'application/octet-stream'
        response.writeHead(200, { 'Content-Type': type, 'Content-Security-Policy': policy }).end(data)
      },
      () => response.writeHead(404).end(),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (!address || typeof address === 'string') throw new Error(`the site has no port: ${address}`)
  return {
    index: `http://127.0.0.1:${address.port}${base}index.html`,
    page: (folder) => `http://127.0.0.1:${address.port}${base}${folder}/index.html`,
    async close() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
