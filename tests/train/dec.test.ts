import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import { afterEach, beforeAll, expect, test, vi } from 'vitest'
import { decCommand as predictCommand } from '../../scripts/predict/dec.ts'
import { decCommand as trainCommand } from '../../scripts/train/dec.ts'

const species = ['Iris-setosa', 'Iris-versicolor', 'Iris-virginica']

let folder: string
let csv: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wgrad-dec-'))
  csv = join(folder, 'flowers.csv')
  const row = (i: number): string => {
    const kind = i % 3
    const values = [5 + 2 * kind, 3 - kind, 1 + 3 * kind, 0.2 + kind]
    return [...values.map((value, k) => (value + 0.2 * Math.sin(5 * i + k)).toFixed(2)), species[kind]].join(',')
  }
  await writeFile(csv, Array.from({ length: 60 }, (_, i) => row(i)).join('\n'))
})

afterEach(() => vi.restoreAllMocks())

/** Runs a command; the lines that it prints. */
async function run(command: Command, ...flags: string[]): Promise<string[]> {
  const lines: string[] = []
  vi.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line))
  await command.exitOverride().parseAsync(flags, { from: 'user' })
  return lines
}

test('trains, goes on where it was, and predicts the same clusters', async () => {
  const kept = join(folder, 'kept')
  const training = ['--set', 'iris', '--data', csv, '--epochs', '30', '--widths', '8,2', '--checkpoint', kept]
  const log = join(folder, 'log.jsonl')
  const lines = await run(trainCommand(), ...training, '--log', log, '--report', join(folder, 'report.html'))
  const logged = (await readFile(log, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(logged.filter(({ event }) => event === 'start').map(({ name }) => name)).toEqual([
    'seed-0-autoencoder',
    'seed-0-clusters',
  ])
  const [, steps] = /after (\d+) steps/.exec(lines.join()) ?? []
  expect(logged.findLast(({ event }) => event === 'step').step).toBe(Number(steps))
  const [, accuracy] = /^\nMean of 1: accuracy ([\d.]+)/.exec(lines.at(-3) ?? '') ?? []
  expect(Number(accuracy)).toBeGreaterThan(0.95)
  expect(await readFile(join(folder, 'report.html'), 'utf8')).toContain(`Accuracy ${accuracy}`)

  const again = await run(trainCommand(), ...training, '--resume')
  expect(again.find((line) => line.startsWith('\nMean'))).toBe(lines.find((line) => line.startsWith('\nMean')))
  await expect(run(trainCommand(), ...training)).rejects.toThrow('holds a training already')
  const other = join(folder, 'other.csv')
  await writeFile(other, (await readFile(csv, 'utf8')).split('\n').reverse().join('\n'))
  await expect(run(trainCommand(), ...training, '--data', other, '--resume')).rejects.toThrow(
    `dec: --checkpoint ${kept} was begun with other data; give those, or begin anew in another folder`,
  )
  await expect(run(trainCommand(), ...training, '--resume', '--epochs', '31')).rejects.toThrow(
    'was begun with epochs 30, not 31; give the same settings',
  )

  const out = join(folder, 'new', 'clusters.csv')
  const told = await run(predictCommand(), '--checkpoint', kept, '--data', csv, '--out', out)
  expect(told[1]).toContain(`Accuracy ${accuracy}`)
  const rows = (await readFile(out, 'utf8')).trim().split('\n')
  expect(rows).toHaveLength(61)
  expect(new Set(rows.slice(1).map((row) => row.split(',')[1])).size).toBe(3)

  // Those whose class nobody knows get the same clusters.
  const nameless = join(folder, 'nameless.csv')
  await writeFile(nameless, (await readFile(csv, 'utf8')).replace(/,[^,\n]*$/gm, ','))
  const few = await run(predictCommand(), '--checkpoint', kept, '--data', nameless, '--out', out)
  expect(few.join()).not.toContain('Accuracy')
  expect((await readFile(out, 'utf8')).trim().split('\n')).toEqual(rows)
})

test('says what is wrong with its input', async () => {
  await expect(run(trainCommand(), '--data', join(folder, 'nowhere'))).rejects.toThrow(
    /^dec: no MNIST files in .*nowhere; it/,
  )
  await expect(run(trainCommand(), '--set', 'iris')).rejects.toThrow('dec: --set iris is given without --data')
  await expect(run(trainCommand(), '--set', 'iris', '--data', join(folder, 'none.csv'))).rejects.toThrow(
    /^dec: .*none\.csv cannot be read .*; --data names a CSV file$/,
  )
  await expect(
    run(trainCommand(), '--set', 'iris', '--data', csv, '--clusters', '61', '--epochs', '1'),
  ).rejects.toThrow(
    'trainClusters: 60 samples for 61 clusters; give at least as many samples as clusters, or fewer clusters',
  )
  await writeFile(join(folder, 'some.csv'), `${'5,3,1,0.2,Iris-setosa\n'.repeat(6)}5,3,1,0.2,\n`)
  await expect(run(trainCommand(), '--set', 'iris', '--data', join(folder, 'some.csv'))).rejects.toThrow(
    'dec: row 7 has no class; every row needs one',
  )
  await expect(run(predictCommand(), '--checkpoint', join(folder, 'nowhere'))).rejects.toThrow('holds no training')
})
