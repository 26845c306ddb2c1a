import { existsSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { unpackBrotli, writeFolder } from './archive.ts'

/** Parts of the npm package `@sparticuz/chromium`: a software Vulkan driver with its loader, and a headless browser. */
export type ChromiumPart = 'driver' | 'browser'

const archives: Record<ChromiumPart, readonly string[]> = {
  driver: ['swiftshader.tar'],
  browser: ['swiftshader.tar', 'al2023.tar', 'fonts.tar', 'chromium'],
}

/** Where the package's `bin` folder and its version are, or null where it is not installed. */
function locatePackage(): { bin: string; version: string } | null {
  if (process.platform !== 'linux' || process.arch !== 'x64') return null
  for (const from of [import.meta.url, join(process.cwd(), 'package.json')]) {
    try {
      let folder = dirname(createRequire(from).resolve('@sparticuz/chromium'))
      while (!existsSync(join(folder, 'package.json')) || !existsSync(join(folder, 'bin'))) {
        if (folder === dirname(folder)) break
        folder = dirname(folder)
      }
      const { version } = createRequire(from)(join(folder, 'package.json')) as { version: string }
      return { bin: join(folder, 'bin'), version }
    } catch {
      // Not installed as seen from here.
    }
  }
  return null
}

/** The folder for unpacked files: the user's cache, or the temporary folder where that cannot be written. */
async function cacheFolder(): Promise<string> {
  const preferred = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'wgrad')
  try {
    await mkdir(preferred, { recursive: true })
    return preferred
  } catch {
    const fallback = join(tmpdir(), 'wgrad-cache')
    await mkdir(fallback, { recursive: true })
    return fallback
  }
}

/**
 * The folder of an unpacked part of `@sparticuz/chromium` (unpacked on first use, then kept in the cache), or null
 * where the package is not installed.
 */
export async function chromiumPackage(part: ChromiumPart): Promise<string | null> {
  const found = locatePackage()
  if (!found) return null
  const folder = join(await cacheFolder(), `chromium-${found.version}-${part}`)
  if (existsSync(folder)) return folder
  const files = archives[part].map(async (name) => {
    const path = join(found.bin, `${name}.br`)
    const entries = await unpackBrotli(await readFile(path), name)
    return name === 'fonts.tar' ? entries.map((e) => ({ ...e, name: join('fonts', e.name) })) : entries
  })
  await writeFolder(folder, (await Promise.all(files)).flat())
  return folder
}
