// Loads TypeScript modules with their imports, `?raw` shaders included, in any Node.
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createServer, createServerModuleRunner } from 'vite'

const root = fileURLToPath(new URL('..', import.meta.url))

/**
 * Opens a loader. `load(file)` imports a module, named relative to the repository; modules may import others for as
 * long as the loader is open. `close()` ends it.
 */
export async function openLoader() {
  const server = await createServer({
    root,
    configFile: false,
    logLevel: 'error',
    appType: 'custom',
    optimizeDeps: { noDiscovery: true },
    server: { middlewareMode: true, hmr: false, ws: false, watch: null },
  })
  const runner = createServerModuleRunner(server.environments.ssr, { hmr: false })
  const close = async () => {
    await runner.close()
    await server.close()
  }
  return { load: (file) => runner.import(resolve(root, file)), close }
}
