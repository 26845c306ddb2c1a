import { existsSync, readdirSync } from 'node:fs'
import { constants, homedir } from 'node:os'
import { join } from 'node:path'
import { WgradError } from '../errors.ts'
import { chromiumPackage } from './chromium-package.ts'

/** A software Vulkan driver: its manifest, and a Vulkan loader for machines that have none. */
export interface SoftwareDriver {
  name: 'swiftshader' | 'lavapipe'
  manifest: string
  loader: string | null
}

/** Keeps a library loaded though it is not a Node addon: Node closes it again, the flag makes that a no-op. */
const RTLD_NODELETE = 0x1000

/**
 * Loads a Vulkan loader into this process and says whether it is there. Dawn opens `libvulkan.so.1` by name and
 * finds the copy that is already loaded, wherever that came from.
 */
export function loadVulkan(path = 'libvulkan.so.1'): boolean {
  try {
    process.dlopen({ exports: {} }, path, constants.dlopen.RTLD_NOW | constants.dlopen.RTLD_GLOBAL | RTLD_NODELETE)
    return true
  } catch (error) {
    return !/cannot open shared object|No such file|not found/.test((error as Error).message)
  }
}

function folders(parent: string, ...below: string[]): string[] {
  if (!existsSync(parent)) return []
  return readdirSync(parent).map((entry) => join(parent, entry, ...below))
}

/** Folders in which an installed Chrome or Chromium keeps its Vulkan driver. */
function browserFolders(): string[] {
  const cache = join(process.env.PUPPETEER_CACHE_DIR ?? join(homedir(), '.cache', 'puppeteer'))
  return [
    ...folders(join(cache, 'chrome'), 'chrome-linux64'),
    ...folders(join(cache, 'chrome-headless-shell'), 'chrome-headless-shell-linux64'),
    '/usr/lib/chromium',
    '/usr/lib/chromium-browser',
    '/opt/google/chrome',
  ]
}

async function findSwiftShader(): Promise<SoftwareDriver | null> {
  const own = await chromiumPackage('driver')
  for (const folder of own ? [own, ...browserFolders()] : browserFolders()) {
    const manifest = join(folder, 'vk_swiftshader_icd.json')
    if (!existsSync(manifest)) continue
    const loader = join(folder, 'libvulkan.so.1')
    return { name: 'swiftshader', manifest, loader: existsSync(loader) ? loader : null }
  }
  return null
}

function findLavapipe(): SoftwareDriver | null {
  for (const folder of ['/usr/share/vulkan/icd.d', '/etc/vulkan/icd.d', '/usr/local/share/vulkan/icd.d']) {
    if (!existsSync(folder)) continue
    const file = readdirSync(folder).find((name) => name.startsWith('lvp_icd'))
    if (file) return { name: 'lavapipe', manifest: join(folder, file), loader: null }
  }
  return null
}

/**
 * Finds a software Vulkan driver: SwiftShader from the npm package `@sparticuz/chromium` (the same version on every
 * machine) or beside an installed browser; lavapipe only where it is asked for by name. Null where there is none.
 */
export async function findSoftwareDriver(name: 'swiftshader' | 'lavapipe'): Promise<SoftwareDriver | null> {
  if (process.platform !== 'linux') return null
  return name === 'lavapipe' ? findLavapipe() : findSwiftShader()
}

/** Makes Vulkan use this driver from here on, in this process and in those it starts. */
export function selectDriver(driver: SoftwareDriver): void {
  process.env.VK_DRIVER_FILES = driver.manifest
  if (loadVulkan() || (driver.loader && loadVulkan(driver.loader))) return
  throw new WgradError(
    `openDevice: ${driver.name} is at ${driver.manifest}, but there is no Vulkan loader (libvulkan.so.1); ` +
      'install libvulkan1, or npm install @sparticuz/chromium, which brings one',
  )
}
