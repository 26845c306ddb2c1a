import { spawnSync } from 'node:child_process'
import { mkdtemp, open, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type FolderStoreOptions, folderStore } from '../../src/node.ts'
import type { CheckpointStore } from '../../src/train/index.ts'

let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'wgrad-folder-'))
})
afterAll(() => rm(root, { recursive: true, force: true }))

function stream(...chunks: readonly string[]): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk))
      controller.close()
    },
  })
}

async function textOf(store: CheckpointStore, name: string): Promise<string | null> {
  const content = await store.read(name)
  return content && new Response(content as Blob).text()
}

test('files are written, listed, read, replaced and removed; the folder is made when it is needed', async () => {
  const folder = join(root, 'a', 'b')
  const store: CheckpointStore = folderStore(folder)
  expect(await store.list()).toEqual([])
  expect(await store.read('x')).toBeNull()
  await store.write('x.bin', stream('one ', 'two'))
  await store.write('w', stream())
  expect(await textOf(store, 'x.bin')).toBe('one two')
  await store.write('x.bin', stream('three'))
  expect(await textOf(store, 'x.bin')).toBe('three')
  expect(await store.list()).toEqual(['w', 'x.bin'])
  await store.delete('w')
  await store.delete('w')
  expect(await store.list()).toEqual(['x.bin'])
  for (const name of ['', '.x', '../x', 'a/b', 'a\\b', 'a\0'])
    await expect(store.write(name, stream())).rejects.toThrow(
      `folderStore: the name is ${JSON.stringify(name)}; use letters, digits, _, - and ., a dot not first`,
    )
  await expect(store.read('../x')).rejects.toThrow('folderStore: the name is "../x"')
})

/** A disk that has room for `room` bytes and takes a few at a time. */
function disk(room: number, fault: { sync?: boolean } = {}): FolderStoreOptions {
  const full = (): never => {
    throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
  }
  return {
    async openFile(path) {
      const file = await open(path, 'wx')
      const write = async (bytes: Uint8Array, at: number) => {
        const length = Math.min(3, bytes.length - at)
        room -= length
        if (room < 0) full()
        return file.write(bytes, at, length)
      }
      const sync = async (): Promise<void> => (fault.sync ? full() : file.sync())
      return { write, sync, close: () => file.close() } as unknown as Awaited<ReturnType<typeof open>>
    },
  }
}

test('a disk that is full leaves what was there and no temporary file', async () => {
  const folder = join(root, 'full')
  await folderStore(folder).write('x', stream('before'))
  const message = `folderStore: ${join(folder, 'x')} cannot be written (ENOSPC: no space left on device, write); what was there before is whole`
  await expect(folderStore(folder, disk(10)).write('x', stream('far too ', 'much'))).rejects.toThrow(message)
  await expect(folderStore(folder, disk(100, { sync: true })).write('x', stream('late'))).rejects.toThrow(message)
  expect(await textOf(folderStore(folder), 'x')).toBe('before')
  await folderStore(folder, disk(100)).write('x', stream('in pieces ', 'of three'))
  expect(await textOf(folderStore(folder), 'x')).toBe('in pieces of three')
  expect(await readdir(folder)).toEqual(['x'])
})

test('content that fails, and a folder that is none, are told of in the same words', async () => {
  const folder = join(root, 'broken')
  const store = folderStore(folder)
  await store.write('x', stream('before'))
  let cancelled = false
  const broken = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      controller.error(new Error('the source is gone'))
    },
  })
  await expect(store.write('x', broken)).rejects.toThrow('x cannot be written (the source is gone); what was there')
  await writeFile(join(root, 'file'), '')
  const unread = new ReadableStream<Uint8Array<ArrayBuffer>>({
    cancel() {
      cancelled = true
    },
  })
  await expect(folderStore(join(root, 'file')).write('x', unread)).rejects.toThrow('cannot be written (EEXIST')
  expect(cancelled).toBe(true)
  expect(await textOf(store, 'x')).toBe('before')
  expect(await readdir(folder)).toEqual(['x'])
})

test('temporary files of processes that are gone are removed, those of others stay while they may be in use', async () => {
  const folder = join(root, 'litter')
  const store = folderStore(folder)
  await store.write('x', stream('1'))
  const gone = spawnSync(process.execPath, ['-e', '']).pid
  const part = (host: string, pid: number): string =>
    `.x.${host.replace(/[^\w-]/g, '_')}.${pid}.${crypto.randomUUID()}.part`
  const [dead, alive, remote, old] = [
    part(hostname(), gone),
    part(hostname(), process.ppid),
    part('elsewhere', gone),
    part('elsewhere', 1),
  ] as const
  for (const name of [dead, alive, remote, old, '.kept', 'x.part']) await writeFile(join(folder, name), '')
  const yesterday = Date.now() / 1000 - 86_400
  await utimes(join(folder, old), yesterday, yesterday)
  await store.write('x', stream('2'))
  expect((await readdir(folder)).sort()).toEqual(['.kept', alive, remote, 'x', 'x.part'].sort())
  expect(await store.list()).toEqual(['x', 'x.part'])
})
