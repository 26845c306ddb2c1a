import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { type Random, random, readCsv, readIdx } from '../../src/data/index.ts'
import { WgradError } from '../../src/index.ts'
import { readSafetensors } from '../../src/io/index.ts'
import { largestAllocation } from './allocations.ts'
import { damaged, pick } from './damage.ts'
import { csvSample, idxSample, safetensorsSample } from './samples.ts'
import { slowSafetensors } from './slow-safetensors.ts'
import { slowCsv, slowIdx } from './slow-tables.ts'

// Inputs of each format: WGRAD_FUZZ=100000 for a long run.
const runs = Number(process.env.WGRAD_FUZZ ?? 2_000)
const timeout = 20_000 + runs * 5

interface Format {
  make: (r: Random) => Uint8Array<ArrayBuffer>
  read: (bytes: Uint8Array<ArrayBuffer>) => unknown
  slow: (bytes: Uint8Array<ArrayBuffer>) => unknown
  /** Whether the library may refuse an input that the slow reader takes. */
  mayRefuse?: (bytes: Uint8Array) => boolean
}

/** What a reader did: its result, or that it refused; an error that is none of ours passes through. */
async function outcome(run: () => unknown, op?: string): Promise<unknown> {
  try {
    return await run()
  } catch (error) {
    if (op === undefined) return 'refused'
    if (error instanceof WgradError && error.message.startsWith(`${op}: `) && error.message.length < 500)
      return 'refused'
    throw error
  }
}

async function fuzz(op: string, { make, read, slow, mayRefuse }: Format): Promise<void> {
  const counts = { read: 0, refused: 0 }
  for (let seed = 0; seed < runs; seed++) {
    const bytes = make(random(17, seed))
    const about = `${op}, seed ${seed}, ${Buffer.from(bytes).toString('base64')}`
    let ours: unknown
    const begun = performance.now()
    const bytesAsked = await largestAllocation(async () => {
      ours = await outcome(() => read(Uint8Array.from(bytes)), op).catch((cause: unknown) => {
        throw new Error(about, { cause })
      })
    })
    expect(performance.now() - begun, about).toBeLessThan(5_000)
    expect(bytesAsked, about).toBeLessThanOrEqual(8 * bytes.length + limit)
    const theirs = await outcome(() => slow(bytes))
    counts[ours === 'refused' ? 'refused' : 'read']++
    if (ours === 'refused' && mayRefuse?.(bytes)) continue
    expect(ours, about).toEqual(theirs)
  }
  // Damage that is always fatal, or never, tests nothing.
  expect(Math.min(counts.read, counts.refused), JSON.stringify(counts)).toBeGreaterThan(runs / 50)
}

/** The most that an input may inflate to, and that a small one may take. */
const limit = 4_096

const plain = (data: ArrayLike<number>): number[] => Array.from(data)

test('damaged safetensors are refused or read as another reader reads them', { timeout }, async () => {
  await fuzz('safetensors', {
    make(r) {
      const { header, data } = safetensorsSample(r)
      const text = r.below(3) > 0 ? damaged(r, header) : header
      const body = r.below(4) === 0 ? damaged(r, data) : data
      const length = Buffer.alloc(8)
      length.writeBigUInt64LE(BigInt(text.length))
      const file = Uint8Array.from(Buffer.concat([length, text, body]))
      return r.below(4) === 0 ? damaged(r, file) : file
    },
    async read(bytes) {
      const entries = Object.entries(await readSafetensors(bytes))
      return new Map(entries.map(([name, { dtype, shape, data }]) => [name, { dtype, shape, data: plain(data) }]))
    },
    slow: slowSafetensors,
  })
})

test('damaged IDX files are refused or read as another reader reads them', { timeout }, async () => {
  const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f
  await fuzz('readIdx', {
    make(r) {
      const file = damagedMostly(r, idxSample(r))
      if (r.below(4) > 0) return file
      const bomb = r.below(8) === 0 ? new Uint8Array(100_000) : file
      return damagedMostly(r, gzipSync(bomb))
    },
    async read(bytes) {
      const { shape, data } = await readIdx(bytes, { maxBytes: limit })
      return { shape, data: plain(data) }
    },
    slow: (bytes) => slowIdx(bytes, limit),
    // Node's gunzip overlooks what follows the end of the stream.
    mayRefuse: isGzip,
  })
})

test('damaged CSV is refused or read as another reader reads it', { timeout }, async () => {
  const words = ['x', 'y', 'a,b', 'q"q', '1', '0', 'NA']
  const wantsKind = (bytes: Uint8Array): boolean => bytes.length % 2 === 0
  await fuzz('readCsv', {
    make: (r) => damagedMostly(r, csvSample(r)),
    read(bytes) {
      const { columns } = readCsv(bytes, wantsKind(bytes) ? { columns: { kind: words } } : {})
      return new Map(Object.entries(columns).map(([name, { values }]) => [name, plain(values)]))
    },
    slow: (bytes) => slowCsv(bytes, wantsKind(bytes) ? { name: 'kind', words } : undefined),
  })
})

function damagedMostly(r: Random, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return pick(r, [true, true, true, false]) ? damaged(r, bytes) : Uint8Array.from(bytes)
}
