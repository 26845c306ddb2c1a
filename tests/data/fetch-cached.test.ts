import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type ByteCache, openCache } from '../../src/data/byte-cache.ts'
import { fetchCached } from '../../src/data/fetch-cached.ts'

const body = new Uint8Array(5_000).map((_, i) => (i * 7919) >> 4)
const sha256 = createHash('sha256').update(body).digest('hex')
const bytes = body.length

let server: Server
let url: string
let requests: number
let answer: (response: ServerResponse) => void
let folder: string
let cache: ByteCache

beforeEach(async () => {
  requests = 0
  answer = (response) => response.end(body)
  server = createServer((_, response) => {
    requests++
    answer(response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/digits.gz?version=2`
  folder = await mkdtemp(join(tmpdir(), 'wgrad-cache-'))
  cache = openCache({ folder: join(folder, 'made', 'when', 'needed') })
})

afterEach(async () => {
  server.closeAllConnections()
  server.close()
  await rm(folder, { recursive: true })
})

describe('fetchCached', () => {
  test('fetches once, then reads the folder', async () => {
    const seen: number[] = []
    const onProgress = (received: number, total: number): void => {
      expect(total).toBe(bytes)
      seen.push(received)
    }
    expect(await fetchCached(url, { sha256, bytes, cache, onProgress })).toEqual(body)
    expect(seen.at(-1)).toBe(bytes)
    expect(await fetchCached(url, { sha256: sha256.toUpperCase(), bytes, cache })).toEqual(body)
    expect(requests).toBe(1)
    expect(await readdir(join(folder, 'made', 'when', 'needed'))).toEqual([`${sha256.slice(0, 16)}-digits.gz`])
  })

  test('a damaged copy is fetched again and replaced', async () => {
    await fetchCached(url, { sha256, bytes, cache })
    const kept = join(folder, 'made', 'when', 'needed', `${sha256.slice(0, 16)}-digits.gz`)
    for (const damage of [body.slice(0, 10), body.map((value, i) => (i === 5 ? value + 1 : value))]) {
      await writeFile(kept, damage)
      expect(await fetchCached(url, { sha256, bytes, cache })).toEqual(body)
      expect(new Uint8Array(await readFile(kept))).toEqual(body)
    }
    expect(requests).toBe(3)
  })

  test('a cache that cannot be written costs nothing but the next download', async () => {
    await writeFile(join(folder, 'a-file'), '')
    const blocked = openCache({ folder: join(folder, 'a-file') })
    expect(await fetchCached(url, { sha256, bytes, cache: blocked })).toEqual(body)
  })

  test('several fetches at once all get the whole file', async () => {
    const all = await Promise.all([1, 2, 3, 4].map(() => fetchCached(url, { sha256, bytes, cache })))
    for (const one of all) expect(one).toEqual(body)
    expect(await readdir(join(folder, 'made', 'when', 'needed'))).toHaveLength(1)
  })

  test('refuses another file, a short one and a long one, and keeps none of them', async () => {
    const wrong = '0'.repeat(64)
    await expect(fetchCached(url, { sha256: wrong, bytes, cache })).rejects.toThrow(
      `fetchCached: ${url} has SHA-256 ${sha256} and ${wrong} was expected; the file there is another one`,
    )
    answer = (response) => response.end(body.subarray(0, 500))
    await expect(fetchCached(url, { sha256, bytes, cache })).rejects.toThrow(
      `fetchCached: ${url} sent 500 bytes and 5000 were expected; try again`,
    )
    answer = (response) => response.end(new Uint8Array(bytes + 1))
    await expect(fetchCached(url, { sha256, bytes, cache })).rejects.toThrow(
      `fetchCached: ${url} sent more than the 5000 bytes expected; the file there is another one`,
    )
    expect(await readdir(folder)).toEqual([])
  })

  test('says so when the server answers with an error, is not there, breaks off or stalls', async () => {
    answer = (response) => response.writeHead(404, 'Not Found').end('no')
    await expect(fetchCached(url, { sha256, bytes, cache })).rejects.toThrow(
      `fetchCached: ${url} answered 404 Not Found; 200 is needed`,
    )
    answer = (response) => response.destroy()
    await expect(fetchCached(url, { sha256, bytes, cache })).rejects.toThrow(`fetchCached: ${url} cannot be fetched (`)
    answer = (response) => response.write(body.subarray(0, 10))
    await expect(fetchCached(url, { sha256, bytes, cache, stallMs: 100 })).rejects.toThrow(
      `fetchCached: ${url} cannot be fetched (nothing arrived for 0.1 s); check the network or the address`,
    )
    const nowhere = 'http://127.0.0.1:1/x'
    await expect(fetchCached(nowhere, { sha256, bytes, cache })).rejects.toThrow(
      `fetchCached: ${nowhere} cannot be fetched (fetch failed`,
    )
  })

  test('stops when the caller says so', async () => {
    answer = () => undefined
    const signal = AbortSignal.timeout(50)
    await expect(fetchCached(url, { sha256, bytes, cache, signal })).rejects.toThrow('cannot be fetched (')
    await expect(fetchCached(url, { sha256, bytes, cache, signal })).rejects.toThrow('cannot be fetched (')
  })

  test('refuses a hash that is none', async () => {
    await expect(fetchCached(url, { sha256: 'abc', bytes, cache })).rejects.toThrow(
      "fetchCached: sha256 is 'abc' and bytes is 5000; give 64 hexadecimal digits and the size of the file",
    )
  })
})
