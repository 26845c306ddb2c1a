import { nodeGpu } from '../../src/node/gpu.ts'

const gpu = await nodeGpu()
if (!globalThis.navigator) Object.defineProperty(globalThis, 'navigator', { value: {}, configurable: true })
Object.defineProperty(globalThis.navigator, 'gpu', { value: gpu, configurable: true })
