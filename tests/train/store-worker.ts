import { browserStore } from '../../src/train/index.ts'

const store = browserStore('test')
const before = await store.list()
await store.write('from-worker', new Blob(['hello']).stream() as ReadableStream<Uint8Array<ArrayBuffer>>)
postMessage(before)
