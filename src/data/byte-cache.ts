import { WgradError } from '../errors.ts'

/** A place that keeps files by name. */
export interface ByteCache {
  /** The file's bytes, or undefined when it is not there. */
  read(key: string): Promise<Uint8Array<ArrayBuffer> | undefined>
  /** Keeps a file; a reader sees all of it or nothing. */
  write(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>
}

/**
 * The cache of this machine: in Node the folder given, or `wgrad` in XDG_CACHE_HOME or ~/.cache; in pages and
 * workers the Cache API.
 */
export function openCache(options: { folder?: string } = {}): ByteCache {
  const node = nodeModules()
  if (node !== undefined) return folderCache(node, options.folder ?? defaultFolder(node))
  if (options.folder !== undefined) {
    throw new WgradError(
      `openCache: folder '${options.folder}' asked for outside Node; leave it out to use the Cache API`,
    )
  }
  return pageCache()
}

function folderCache({ fs, path }: NodeModules, folder: string): ByteCache {
  return {
    async read(key) {
      const bytes = await fs.readFile(path.join(folder, key)).catch((cause: unknown) => {
        if ((cause as { code?: string }).code === 'ENOENT') return undefined
        throw cause
      })
      return bytes && new Uint8Array(bytes)
    },
    async write(key, bytes) {
      await fs.mkdir(folder, { recursive: true })
      const target = path.join(folder, key)
      // Renaming is atomic within a folder, so no reader ever meets half a file.
      const part = `${target}.${crypto.randomUUID()}.part`
      try {
        await fs.writeFile(part, bytes)
        await fs.rename(part, target)
      } catch (cause) {
        await fs.rm(part, { force: true })
        throw cause
      }
    },
  }
}

function pageCache(): ByteCache {
  const address = (key: string): string => `https://cache.invalid/${encodeURIComponent(key)}`
  return {
    async read(key) {
      const kept = await (await caches.open('wgrad')).match(address(key))
      return kept && new Uint8Array(await kept.arrayBuffer())
    },
    async write(key, bytes) {
      await (await caches.open('wgrad')).put(address(key), new Response(bytes))
    },
  }
}

interface NodeModules {
  fs: typeof import('node:fs/promises')
  path: typeof import('node:path')
  os: typeof import('node:os')
  env: Partial<Record<string, string>>
}

/** Node's own modules where there are any. Nothing is imported, so no bundler has to know of them. */
function nodeModules(): NodeModules | undefined {
  const { process } = globalThis as { process?: Partial<NodeJS.Process> }
  if (typeof process?.getBuiltinModule !== 'function') return undefined
  return {
    fs: process.getBuiltinModule('node:fs/promises'),
    path: process.getBuiltinModule('node:path'),
    os: process.getBuiltinModule('node:os'),
    env: process.env ?? {},
  }
}

function defaultFolder({ path, os, env }: NodeModules): string {
  return path.join(env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache'), 'wgrad')
}
