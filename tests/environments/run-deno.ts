import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { compactWgsl } from '../../scripts/compact-wgsl.ts'
import { findSoftwareDriver } from '../../src/node/driver.ts'
import type { CheckResult } from '../ops/runner.ts'
import type { Line } from './in-deno.ts'

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

/** What a run of all op checks in Deno answers. */
export interface DenoRun {
  adapter: string
  results: CheckResult[]
  /** 'done', or how far the run came and what it wrote to stderr. */
  end: string
}

async function denoEnvironment(): Promise<NodeJS.ProcessEnv> {
  const env = { ...process.env, NO_COLOR: '1' }
  const choice = process.env.WGRAD_DRIVER
  const driver = choice === 'swiftshader' || choice === 'lavapipe' ? await findSoftwareDriver(choice) : null
  if (!driver) return env
  const libraries = [driver.loader && dirname(driver.loader), process.env.LD_LIBRARY_PATH].filter(Boolean)
  return { ...env, VK_DRIVER_FILES: driver.manifest, LD_LIBRARY_PATH: libraries.join(':') }
}

async function runScript(script: string): Promise<DenoRun> {
  const args = [denoScript, 'run', '--no-config', '--unstable-webgpu', '-A', script]
  const child = spawn(process.execPath, args, { env: await denoEnvironment() })
  const run: DenoRun = { adapter: 'none', results: [], end: '' }
  let stderr = ''
  let isDone = false
  child.stderr.on('data', (data: Buffer) => {
    stderr = (stderr + data.toString()).slice(-4000)
  })
  createInterface({ input: child.stdout }).on('line', (text) => {
    if (!text.startsWith('{')) return
    const line = JSON.parse(text) as Line
    if ('adapter' in line) run.adapter = line.adapter
    else if ('result' in line) run.results.push(line.result)
    else isDone = true
  })
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
  const last = run.results.at(-1)?.name ?? 'none'
  run.end = isDone && code === 0 ? 'done' : `exit code ${code} after the check ${last}\n${stderr}`
  return run
}

/** Runs every op check in Deno, which has WebGPU from wgpu and compiles shaders with Naga. */
export async function runInDeno(): Promise<DenoRun> {
  const folder = await mkdtemp(join(tmpdir(), 'wgrad-deno-'))
  try {
    return await runScript(await bundleChecks(folder))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
