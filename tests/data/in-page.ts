import { fetchCached } from '../../src/data/fetch-cached.ts'
import { drawDigits } from '../../src/data/glyphs.ts'
import { readIdx } from '../../src/data/idx.ts'
import { httpSource } from '../../src/io/http-source.ts'

/** What page.test.ts runs in a page. Functions written in the test itself are compiled for Node and cannot import. */
export const dataInPage = {
  async fetchTwice(sha256: string, text: string): Promise<object> {
    const url = URL.createObjectURL(new Blob([text]))
    const options = { sha256, bytes: text.length }
    const first = await fetchCached(url, options)
    const refused = await fetchCached(url, { ...options, bytes: 5 }).catch((error: Error) => error.message)
    URL.revokeObjectURL(url)
    const second = await fetchCached(url, options)
    const kept = await (await caches.open('wgrad')).keys()
    return { texts: [first, second].map((bytes) => new TextDecoder().decode(bytes)), refused, kept: kept.length }
  },

  /** Reads a few bytes of a file on another origin. */
  async readPart(url: string): Promise<object> {
    const source = await httpSource(url)
    const bytes = [...(await source.read(10, 12)), ...(await source.read(80_000, 80_002))]
    return { inParts: source.inParts, size: source.size, bytes }
  },

  async read(): Promise<object> {
    const plain = Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 2, 5, 6)
    const packed = new Blob([plain]).stream().pipeThrough(new CompressionStream('gzip'))
    const { shape, data } = await readIdx(await new Response(packed).arrayBuffer())
    return { shape, data: Array.from(data), labels: Array.from(drawDigits(20, { seed: 3 }).labels.data) }
  },
}

declare global {
  var wgradData: typeof dataInPage
}

globalThis.wgradData = dataInPage
