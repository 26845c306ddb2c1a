import { afterEach, expect, test, vi } from 'vitest'
import { nodeGpu } from '../../src/node/gpu.ts'

afterEach(() => vi.unstubAllEnvs())

test('a driver is chosen by option or environment, and an unknown one is an error', async () => {
  vi.stubEnv('WGRAD_DRIVER', 'fastest')
  await expect(nodeGpu()).rejects.toThrow(
    "openDevice: WGRAD_DRIVER is 'fastest'; it must be auto, swiftshader or lavapipe",
  )
  const gpu = await nodeGpu({ driver: 'swiftshader' })
  expect((await gpu.requestAdapter())?.info.architecture).toBe('swiftshader')
})

test('without any named driver an adapter is found', async () => {
  const gpu = await nodeGpu({ driver: 'auto' })
  expect(await gpu.requestAdapter()).not.toBeNull()
})

test.runIf(process.platform === 'linux')('drivers that do not exist are an error that names them', async () => {
  vi.stubEnv('VK_DRIVER_FILES', '/nowhere/icd.json')
  await expect(nodeGpu({ driver: 'auto' })).rejects.toThrow(
    'openDevice: Vulkan offers no adapter with VK_DRIVER_FILES=/nowhere/icd.json; install the GPU driver',
  )
})

test('options reach Dawn', async () => {
  const gpu = await nodeGpu({ dawn: ['backend=null'] })
  expect((await gpu.requestAdapter())?.info.architecture).toBe('')
})
