import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { httpSource, openSafetensors, writeSafetensors } from '../../src/io/index.ts'

const open: (() => void)[] = []
afterEach(() => {
  for (const close of open.splice(0)) close()
})

interface Served {
  url: string
  /** The ranges asked for, 'whole' for none. */
  asked: string[]
  sent: number
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void

/** A server that answers as told. Bytes are counted as they are handed to the network. */
async function serve(answer: Answer): Promise<Served> {
  const served: Served = { url: '', asked: [], sent: 0 }
  const server = createServer((request, response) => {
    served.asked.push(request.headers.range ?? 'whole')
    const end = response.end.bind(response)
    response.end = ((body?: Uint8Array) => {
      served.sent += body?.length ?? 0
      return body ? end(body) : end()
    }) as typeof response.end
    answer(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  open.push(() => {
    server.closeAllConnections()
    server.close()
  })
  served.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/w.safetensors`
  return served
}

const noHeaders: Record<string, string> = {}

/** Answers ranges as RFC 9110 says. */
const ranges =
  (file: () => Uint8Array, headers: () => Record<string, string> = () => noHeaders): Answer =>
  (request, response) => {
    const bytes = file()
    const [, first = '', last = ''] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []
    if (first === '') return response.writeHead(200, headers()).end(bytes)
    if (Number(first) >= bytes.length)
      return response.writeHead(416, { 'Content-Range': `bytes */${bytes.length}` }).end()
    const part = bytes.subarray(Number(first), Number(last) + 1)
    const range = `bytes ${first}-${Number(first) + part.length - 1}/${bytes.length}`
    return response.writeHead(206, { 'Content-Range': range, ...headers() }).end(part)
  }

const whole =
  (file: Uint8Array, headers: Record<string, string> = {}): Answer =>
  (_request, response) =>
    response.writeHead(200, headers).end(file)

const large = Float32Array.from({ length: 60_000 }, (_, i) => i)
const file = writeSafetensors({
  large: { shape: [60_000], data: large },
  small: { shape: [3], data: Float32Array.of(1, 2, 3) },
  zero: { shape: [0], data: new Float32Array(0) },
})

describe('a file on a server', () => {
  test('is read in parts, and no more of it than is asked for', async () => {
    const server = await serve(ranges(() => file))
    const source = await httpSource(server.url, { headers: { 'X-Token': 'a' } })
    expect([source.inParts, source.size]).toEqual([true, file.length])
    const opened = await openSafetensors(source)
    expect(server.asked).toEqual(['bytes=0-65535'])
    expect((await opened.read('small')).data).toEqual(Float32Array.of(1, 2, 3))
    expect((await opened.read('zero')).data).toHaveLength(0)
    expect(server.sent).toBe(65_536 + 12)
    expect((await opened.read('large')).data).toEqual(large)
    expect(server.asked).toHaveLength(3)
  })

  test('smaller than the first part needs one request', async () => {
    const tiny = writeSafetensors({ a: { shape: [2], data: Float32Array.of(4, 5) } })
    const server = await serve(ranges(() => tiny))
    const opened = await openSafetensors(await httpSource(server.url))
    expect((await opened.read('a')).data).toEqual(Float32Array.of(4, 5))
    expect([server.asked, server.sent]).toEqual([['bytes=0-65535'], tiny.length])
  })

  test('without a byte is an empty source', async () => {
    const server = await serve(ranges(() => new Uint8Array(0)))
    const source = await httpSource(server.url)
    expect([source.size, source.inParts]).toEqual([0, true])
    await expect(openSafetensors(source)).rejects.toThrow('safetensors: the file has 0 bytes')
  })

  test('comes whole, with progress, from a server that knows no ranges', async () => {
    const server = await serve(whole(file, { 'Content-Length': String(file.length) }))
    const progress: (number | undefined)[] = []
    const source = await httpSource(server.url, {
      onProgress: (received, total) => progress.splice(0, 2, received, total),
    })
    expect([source.inParts, source.size, server.asked.length]).toEqual([false, file.length, 1])
    expect(progress).toEqual([file.length, file.length])
    expect((await (await openSafetensors(source)).read('large')).data).toEqual(large)
  })

  test.each(['none', 'bytes 0-65535/*'])(
    'comes whole where the size cannot be seen: Content-Range %s',
    async (range) => {
      const server = await serve((request, response) => {
        if (request.headers.range === undefined) return response.end(file)
        return response.writeHead(206, range === 'none' ? {} : { 'Content-Range': range }).end(file.subarray(0, 65_536))
      })
      const source = await httpSource(server.url)
      expect([source.inParts, source.size]).toEqual([false, file.length])
      expect(server.asked).toEqual(['bytes=0-65535', 'whole'])
      expect(await source.read(100_000, 100_004)).toEqual(file.slice(100_000, 100_004))
    },
  )

  test.each([
    ['another size', () => file.subarray(0, 200_000), { ETag: '"a"' }],
    ['another version', () => file, { ETag: '"b"' }],
  ])('that changed while it was read is refused: %s', async (_, later, headers) => {
    let changed = false
    const server = await serve(
      ranges(
        () => (changed ? later() : file),
        () => (changed ? headers : { ETag: '"a"' }),
      ),
    )
    const source = await httpSource(server.url)
    changed = true
    await expect(source.read(100_000, 100_004)).rejects.toThrow(
      `httpSource: ${server.url} changed while it was read; open it again`,
    )
  })

  test.each<[string, Answer, string]>([
    ['is not there', (_, r) => r.writeHead(404).end(), 'answered 404 Not Found; 200 or 206 is needed'],
    [
      'comes with another part',
      (_, r) => r.writeHead(206, { 'Content-Range': 'bytes 0-9/100000' }).end(file.subarray(0, 10)),
      "answered 'bytes 0-9/100000' to a request for bytes 0 to 65536; its ranges are wrong",
    ],
    [
      'comes with less than it says',
      (_, r) => r.writeHead(206, { 'Content-Range': 'bytes 0-99/100' }).end(file.subarray(0, 10)),
      'sent 10 of the 100 bytes from 0 to 100; try again',
    ],
    [
      'comes with more than it says',
      (_, r) => r.writeHead(206, { 'Content-Range': 'bytes 0-99/100' }).end(file.subarray(0, 101)),
      'sent more than the 100 bytes from 0 to 100; its ranges are wrong',
    ],
    [
      'is larger than is taken, and says so',
      whole(file, { 'Content-Length': String(file.length) }),
      `comes whole and has ${file.length} bytes; at most 1000 are taken (maxBytes)`,
    ],
    [
      'is larger than is taken, without saying so',
      (_, r) => {
        r.write(file)
        r.end()
      },
      'comes whole and has more; at most 1000 are taken (maxBytes)',
    ],
    [
      'stalls',
      (_, r) => r.writeHead(206, { 'Content-Range': 'bytes 0-99/100' }).write('a'),
      'cannot be fetched (nothing arrived for 0.2 s); check the network or the address',
    ],
  ])('that %s is refused', async (_, answer, text) => {
    const { url } = await serve(answer)
    await expect(httpSource(url, { maxBytes: 1_000, stallMs: 200 })).rejects.toThrow(`httpSource: ${url} ${text}`)
  })

  test('of which parts stop coming, or that is called off, is refused', async () => {
    let gone = false
    const answer = ranges(() => file)
    const { url } = await serve((request, response) =>
      gone ? whole(file)(request, response) : answer(request, response),
    )
    const source = await httpSource(url)
    gone = true
    await expect(source.read(100_000, 100_001)).rejects.toThrow(
      `httpSource: ${url} answered 200 OK; it sent parts before, and 206 is needed`,
    )
    await expect(httpSource(url, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow(
      `httpSource: ${url} cannot be fetched (enough); check the network or the address`,
    )
  })
})
