import { readdir, readFile, rename } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { publint } from 'publint'
import { build, type Rolldown } from 'vite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launchBrowser, openPage } from '../../scripts/support/browser.ts'
import { type Installed, installPackage, root, runProgram } from './install.ts'
import { serveStatic } from './static-server.ts'

let installed: Installed

beforeAll(async () => {
  installed = await installPackage()
})

afterAll(() => installed?.remove())

describe('the packed library', () => {
  test('holds the build, the licence and nothing of the sources', async () => {
    const names = await readdir(join(installed.folder, 'node_modules/wgrad'), { recursive: true })
    expect(names).toEqual(
      expect.arrayContaining([
        'LICENSE',
        'THIRD_PARTY_NOTICES.md',
        'package.json',
        'dist/index.js',
        'dist/index.d.ts',
        'dist/vendor/d3-dsv/dist/d3-dsv.js',
      ]),
    )
    expect(names.filter((name) => /^(src|tests|shaders)|\.tsbuildinfo$/.test(name))).toEqual([])
  })

  test('is clean by publint', async () => {
    const { messages } = await publint({
      pkgDir: join(installed.folder, 'node_modules/wgrad'),
      pack: false,
      strict: true,
    })
    expect(messages).toEqual([])
  })

  test('has types that resolve', async () => {
    const attw = join(
      dirname(createRequire(import.meta.url).resolve('@arethetypeswrong/cli/package.json')),
      'dist/index.js',
    )
    await runProgram(root, process.execPath, attw, installed.tarball, '--profile', 'esm-only', '--no-emoji')
  })

  test('keeps the engine out of the types of what people hold', async () => {
    const declared = async (file: string): Promise<string> =>
      readFile(join(installed.folder, 'node_modules/wgrad/dist', file), 'utf8')
    const device = await declared('gpu/device.d.ts')
    expect(device).toContain('close(): void')
    expect(device).not.toMatch(/\b(pool|scratch|pipelines|readback|guard)\b/)
    expect(await declared('graph/tensor.d.ts')).not.toMatch(/get value\(|stale/)
    expect(await declared('nn/parameter.d.ts')).not.toMatch(/get value\(|variable:/)
    expect(await declared('graph/compile.d.ts')).not.toContain('planFor')
  })

  test('type-checks in an app under both module resolutions', async () => {
    const tsc = join(root, 'node_modules/@typescript/native/bin/tsc')
    const files = ['page/main.ts', 'page/worker.ts', 'page/train.ts']
    const common = ['--noEmit', '--strict', '--target', 'es2022', '--lib', 'es2023,dom', '--allowImportingTsExtensions']
    const types = ['--skipLibCheck', 'false', '--types', '']
    const bundler = ['--module', 'esnext', '--moduleResolution', 'bundler']
    const node = ['--module', 'nodenext', '--moduleResolution', 'nodenext']
    for (const resolution of [bundler, node]) {
      await runProgram(installed.folder, process.execPath, tsc, ...common, ...types, ...resolution, ...files)
    }
  })
})

describe('a blank app', () => {
  test('built with Vite trains in a page and in a worker under a strict content-security policy', async () => {
    const folder = join(installed.folder, 'page')
    await build({ root: folder, configFile: false, logLevel: 'error', worker: { format: 'es' } })
    const server = await serveStatic(join(folder, 'dist'))
    const browser = await launchBrowser()
    try {
      const { page, errors } = await openPage(browser, server.url)
      await page.waitForFunction('window.result !== undefined')
      const result = await page.evaluate('window.result')
      const trained = expect.objectContaining({ last: expect.any(Number) })
      expect(result).toEqual({ page: trained, worker: trained })
      const { page: inPage, worker } = result as Record<'page' | 'worker', { first: number; last: number }>
      for (const { first, last } of [inPage, worker]) expect(last).toBeLessThan(first / 2)
      expect(errors).toEqual([])
    } finally {
      await browser.close()
      await server.close()
    }
  })

  test('in Node computes on Dawn', async () => {
    const output = await runProgram(join(installed.folder, 'node'), process.execPath, 'app.mjs')
    expect(JSON.parse(output)).toMatchObject({ sum: 54 })
  })

  test('that reads data alone bundles no shader', async () => {
    const folder = join(installed.folder, 'data')
    const output = (await build({
      root: folder,
      configFile: false,
      logLevel: 'error',
      build: { write: false, minify: true, lib: { entry: 'app.ts', formats: ['es'], fileName: 'app' } },
    })) as Rolldown.RolldownOutput[]
    const code = output
      .flatMap((each) => each.output.map((chunk) => (chunk.type === 'chunk' ? chunk.code : '')))
      .join('')
    expect(code).not.toMatch(/@compute|new Function/)
    expect(code.length).toBeLessThan(10_000)
  })

  test('cannot import internals', async () => {
    const script = "import('wgrad/dist/index.js').catch((error) => console.log(error.code))"
    const output = await runProgram(join(installed.folder, 'node'), process.execPath, '-e', script)
    expect(output.trim()).toBe('ERR_PACKAGE_PATH_NOT_EXPORTED')
  })

  test('in Node without Dawn says what to install', async () => {
    const modules = join(installed.folder, 'node_modules')
    await rename(join(modules, 'webgpu'), join(modules, 'not-webgpu'))
    try {
      const run = runProgram(join(installed.folder, 'node'), process.execPath, 'app.mjs')
      await expect(run).rejects.toThrow(/WgradError: openDevice: cannot load the package webgpu .*npm install webgpu/)
    } finally {
      await rename(join(modules, 'not-webgpu'), join(modules, 'webgpu'))
    }
  })
})
