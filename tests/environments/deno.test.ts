import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { expect, test } from 'vitest'
import { compactWgsl } from '../../scripts/compact-wgsl.ts'
import { findSoftwareDriver } from '../../src/node/driver.ts'
import type { CheckResult } from './checks.ts'
import { failures } from './failures.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const denoScript = join(dirname(createRequire(import.meta.url).resolve('deno/package.json')), 'bin.cjs')

/** Bundles the checks into one module, as Deno cannot read `?raw` imports; with shaders stripped as in a release. */
async function bundleChecks(outDir: string): Promise<string> {
  await build({
    root,
    configFile: false,
    plugins: [compactWgsl()],
    logLevel: 'error',
    build: {
      outDir,
      target: 'es2022',
      minify: false,
      lib: { entry: join(root, 'tests/environments/in-deno.ts'), formats: ['es'], fileName: 'checks' },
      rollupOptions: { external: [/^node:/], output: { codeSplitting: false, entryFileNames: 'checks.mjs' } },
    },
  })
  return join(outDir, 'checks.mjs')
}

interface DenoRun {
  adapter: string
  results: CheckResult[]
  /** Whether the run reached its end, and what it wrote to stderr if not. */
  end: string
}

async function runDeno(script: string): Promise<DenoRun> {
  const choice = process.env.WGRAD_DRIVER
  const driver = choice === 'swiftshader' || choice === 'lavapipe' ? await findSoftwareDriver(choice) : null
  const env = { ...process.env, NO_COLOR: '1' }
  if (driver) {
    const loader = driver.loader ? dirname(driver.loader) : ''
    Object.assign(env, {
      VK_DRIVER_FILES: driver.manifest,
      LD_LIBRARY_PATH: [loader, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':'),
    })
  }
  const child = spawn(process.execPath, [denoScript, 'run', '--no-config', '--unstable-webgpu', '-A', script], { env })
  const run: DenoRun = { adapter: 'none', results: [], end: '' }
  let stderr = ''
  let isDone = false
  child.stderr.on('data', (data: Buffer) => {
    stderr = (stderr + data.toString()).slice(-4000)
  })
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (!line.startsWith('{')) return
    const entry = JSON.parse(line) as Partial<CheckResult & { adapter: string; done: number }>
    if (entry.adapter !== undefined) run.adapter = entry.adapter
    else if (entry.done !== undefined) isDone = true
    else run.results.push(entry as CheckResult)
  })
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
  const last = run.results.at(-1)?.name ?? 'none'
  run.end = isDone && code === 0 ? 'done' : `exit code ${code} after the check ${last}\n${stderr}`
  return run
}

test('every op check passes on wgpu and Naga', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'wgrad-deno-'))
  try {
    const run = await runDeno(await bundleChecks(folder))
    expect(failures(run.results)).toBe('')
    expect(run.end).toBe('done')
    expect(run.results.length).toBeGreaterThan(0)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
