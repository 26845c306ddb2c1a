import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { peers } from '../contestants/index.ts'

/** Versions of wgrad and of each engine, as installed. */
export async function installedVersions(): Promise<Record<string, string>> {
  const read = async (path: string): Promise<string> => {
    const file = fileURLToPath(new URL(`../../${path}`, import.meta.url))
    return (JSON.parse(await readFile(file, 'utf8')) as { version: string }).version
  }
  const versions: Record<string, string> = { wgrad: await read('package.json') }
  for (const [name, folder] of Object.entries(peers)) versions[name] = await read(`node_modules/${folder}/package.json`)
  return versions
}
