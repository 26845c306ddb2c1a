import { nodeGpu } from '../../src/node/gpu.ts'

// The same software driver on every machine, unless told otherwise.
process.env.WGRAD_DRIVER ??= 'swiftshader'

const gpu = await nodeGpu()
if (!globalThis.navigator) Object.defineProperty(globalThis, 'navigator', { value: {}, configurable: true })
Object.defineProperty(globalThis.navigator, 'gpu', { value: gpu, configurable: true })
