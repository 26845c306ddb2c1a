import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { readTar, writeFolder } from '../../src/node/archive.ts'

/** The repository's root folder. */
export const root: string = fileURLToPath(new URL('../..', import.meta.url))

const runFile = promisify(execFile)

/** A folder that holds the packed library and blank apps that it is installed in. */
export interface Installed {
  folder: string
  tarball: string
  remove(): Promise<void>
}

/** Runs a program; throws with all that it wrote where it fails. */
export async function runProgram(cwd: string, program: string, ...args: string[]): Promise<string> {
  try {
    const { stdout } = await runFile(program, args, { cwd, maxBuffer: 1 << 26, timeout: 200_000 })
    return stdout
  } catch (error) {
    const { message, stdout, stderr } = error as Error & { stdout?: string; stderr?: string }
    throw new Error([message, stdout, stderr].filter(Boolean).join('\n'))
  }
}

/** Builds and packs the library, and unpacks the archive as npm would into a copy of the fixtures; asks no registry. */
export async function installPackage(): Promise<Installed> {
  const folder = await mkdtemp(join(tmpdir(), 'wgrad-package-'))
  await runProgram(root, 'npm', 'run', 'build', '--silent')
  const packed = await runProgram(root, 'npm', 'pack', '--json', '--ignore-scripts', '--pack-destination', folder)
  const [{ filename }] = JSON.parse(packed) as [{ filename: string }]
  const tarball = join(folder, filename)
  await cp(join(root, 'tests/package/fixtures'), folder, { recursive: true })
  await writeFile(join(folder, 'package.json'), '{ "name": "blank", "type": "module" }')
  const modules = join(folder, 'node_modules')
  await mkdir(modules)
  const files = readTar(gunzipSync(await readFile(tarball)))
  await writeFolder(
    join(modules, 'wgrad'),
    files.map(({ name, data }) => ({ name: name.replace(/^package\//, ''), data })),
  )
  await mkdir(join(modules, '@sparticuz'))
  for (const name of ['webgpu', 'wgsl-preprocessor', '@sparticuz/chromium']) {
    await symlink(join(root, 'node_modules', name), join(modules, name), 'junction')
  }
  return { folder, tarball, remove: () => rm(folder, { recursive: true, force: true }) }
}
