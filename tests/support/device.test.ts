import { expect, test } from 'vitest'

test('a device opens in Node', async () => {
  const adapter = await navigator.gpu.requestAdapter()
  const device = await adapter?.requestDevice()
  expect(adapter?.info.architecture).toBe('swiftshader')
  device?.destroy()
})
