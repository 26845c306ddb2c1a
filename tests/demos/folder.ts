import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    /** An empty folder at first, in which the demos are built once for all tests of pages. */
    demos: string
  }
}

/** Makes the folder for the built demos before the tests and removes it after them. */
export async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'wgrad-demos-'))
  provide('demos', folder)
  return () => rm(folder, { recursive: true })
}
