import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { bertCommand } from '../../scripts/predict/bert.ts'
import { decCommand } from '../../scripts/predict/dec.ts'
import { eachInput } from '../../scripts/predict/each-input.ts'
import { forecastCommand } from '../../scripts/predict/forecast.ts'
import { renderReport } from '../../scripts/report/report.ts'
import { bertCommand as bertTraining } from '../../scripts/train/bert.ts'
import { charLstmCommand } from '../../scripts/train/char-lstm.ts'
import { addConfigOption } from '../../scripts/train/common/config.ts'
import { Curve } from '../../scripts/train/common/curve.ts'
import { claim, type Kept, readKept } from '../../scripts/train/common/kept.ts'
import { factor, notNegative, whole } from '../../scripts/train/common/options.ts'
import { prepareOutput, writeOutput } from '../../scripts/train/common/output.ts'
import { decisive } from '../../scripts/train/common/run.ts'
import { forecastCommand as forecastTraining } from '../../scripts/train/forecast.ts'
import { memoryStore } from '../../src/train/index.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wgrad-options-'))
})

/** What a command line and a file of options come to, or the message it ends with. */
async function options(config: string, ...flags: string[]): Promise<unknown> {
  const file = join(folder, 'config.json')
  await writeFile(file, config)
  const command = new Command('x')
    .option('--batch-size <n>', '', whole(1), 8)
    .option('--fast', '')
    .requiredOption('--data <file>', '')
    .exitOverride()
    .configureOutput({ writeErr: () => undefined })
  try {
    addConfigOption(command).parse(
      flags.map((flag) => flag.replace('FILE', file)),
      { from: 'user' },
    )
    const { config: _, ...rest } = command.opts()
    return rest
  } catch (error) {
    return (error as Error).message.replace(file, 'FILE')
  }
}

test.each([
  ['number, 0 or more', notNegative, ['0', '2.5'], ['-1', 'abc', '', 'Infinity']],
  ['above 0, and 1 at most', factor, ['0.5', '1'], ['0', '1.5', 'abc', '']],
])('an option is a %s', (rule, parse, right, wrong) => {
  expect(right.map(parse)).toEqual(right.map(Number))
  for (const text of wrong) expect(() => parse(text), text).toThrow(rule)
})

test.each([
  [bertTraining, 'weight-decay'],
  [bertTraining, 'layer-decay'],
  [charLstmCommand, 'at-most'],
])('an option for a number takes no other text', (command, name) => {
  const option = command().options.find((each) => each.name() === name)
  expect(() => option?.parseArg?.('abc', undefined)).toThrow(/^It must be /)
})

describe('a file of options', () => {
  test('gives what the flags do not, wherever they stand', async () => {
    const config = '{"batch-size": 4, "data": "a.csv", "fast": true}'
    expect(await options(config, '--config', 'FILE')).toEqual({ batchSize: 4, data: 'a.csv', fast: true })
    expect(await options(config, '--batch-size', '2', '--config', 'FILE')).toMatchObject({ batchSize: 2 })
    expect(await options(config, '--config', 'FILE', '--batch-size', '2')).toMatchObject({ batchSize: 2 })
    expect(await options('{"data": "a.csv"}', '--config', 'FILE')).toEqual({ batchSize: 8, data: 'a.csv' })
  })

  test('has pairs as an object, or as the flag has them', async () => {
    const cycles = (value: string): unknown => {
      const command = forecastTraining().exitOverride()
      const option = command.options.find((each) => each.name() === 'cycles')
      return option?.parseArg?.(value, undefined)
    }
    const file = join(folder, 'pairs.json')
    await writeFile(file, '{"cycles": {"hour": 24, "month": 12}, "data": "x", "target": ["a", "b"]}')
    const command = forecastTraining().action(() => undefined)
    command.parse(['--config', file], { from: 'user' })
    expect(command.opts().cycles).toEqual(cycles('hour:24,month:12'))
    expect(await options('{"data": {"a": 1}}', '--config', 'FILE')).toContain('it must be a number or a text')
  })

  test('is held to the rules of the flags', async () => {
    expect(await options('{"batchSize": 0}', '--config', 'FILE')).toBe(
      'error: --config FILE: batch-size is 0. It must be a whole number, 1 or more.',
    )
    expect(await options('{"fast": 1}', '--config', 'FILE')).toBe(
      'error: --config FILE: fast is 1; it must be true or false',
    )
    expect(await options('{"speed": 1}', '--config', 'FILE')).toBe(
      'error: --config FILE: there is no option "speed"; there are batch-size, fast, data',
    )
    expect(await options('[]', '--config', 'FILE')).toBe('error: --config FILE: holds no object; write {"epochs": 8}')
    expect(await options('{', '--config', 'FILE')).toMatch(/^error: --config FILE: cannot be read \(.+\); give a JSON/)
  })
})

test('a folder of checkpoints is for one training, which may go on longer', async () => {
  const store = memoryStore()
  const wanted = (epochs: number, lr = 1): Kept => ({
    system: 'x',
    settings: { epochs, lr },
  })
  const [begin, resume] = [{ resume: false }, { resume: true }]
  await expect(claim(store, 'F', wanted(1), resume)).rejects.toThrow(
    'x: --checkpoint F holds no training to go on with',
  )
  // A start that failed before its first checkpoint leaves the folder to the next, whatever that trains.
  for (const [lr, how] of [
    [3, begin],
    [2, begin],
    [4, resume],
    [1, begin],
  ] as const) {
    await claim(store, 'F', wanted(1, lr), how)
    expect((await readKept(store))?.settings.lr).toBe(lr)
  }
  await store.write('a.000001.safetensors', new Blob(['x']).stream())
  await expect(claim(store, 'F', wanted(1), begin)).rejects.toThrow('x: --checkpoint F holds a training already')
  await expect(claim(store, 'F', wanted(1, 2), resume)).rejects.toThrow('F was begun with lr 1, not 2; give the same')
  await expect(claim(store, 'F', { ...wanted(1), system: 'y' }, resume)).rejects.toThrow('y: --checkpoint F is of x')
  await expect(claim(store, 'F', wanted(5), { ...resume, free: ['lr'] })).rejects.toThrow('begun with epochs 1, not 5')
  await claim(store, 'F', wanted(1, 7), { ...resume, free: ['lr'] })
  await claim(store, 'F', wanted(1, 1), { ...resume, free: ['lr'] })
  await claim(store, 'F', wanted(5), resume)
  expect(await readKept(store)).toEqual({ system: 'x', settings: { epochs: 5, lr: 1 } })
  const asked = {
    ...wanted(5).settings,
    config: 'C',
    checkpoint: 'F',
    resume: true,
    log: 'L',
    report: 'R',
    save: 'S',
    atLeast: 0.9,
  }
  expect(decisive(asked)).toEqual({ epochs: 5, lr: 1 })
})

test('a file is written whole, into a folder that is made before', async () => {
  const file = join(folder, 'new', 'x.csv')
  await prepareOutput('x', '--out', file)
  expect(await readdir(join(folder, 'new'))).toEqual([])
  await writeOutput(file, 'a')
  await writeOutput(file, 'b')
  expect(await readFile(file, 'utf8')).toBe('b')
  await expect(writeOutput(join(folder, 'new'), 'c')).rejects.toThrow()
  expect(await readdir(folder)).not.toContain('new.part')
  expect(await readdir(join(folder, 'new'))).toEqual(['x.csv'])
})

test.each([
  ['bert', bertCommand, ['a text', '--model', 'nowhere', '--report']],
  ['dec', decCommand, ['--checkpoint', 'nowhere', '--out']],
  ['forecast', forecastCommand, ['--checkpoint', 'nowhere', '--data', 'none.csv', '--out']],
])('%s says before it predicts that a file cannot be written', async (name, command, flags) => {
  const file = join(folder, 'file')
  await writeFile(file, '')
  await expect(command().parseAsync([...flags, join(file, 'x')], { from: 'user' })).rejects.toThrow(
    new RegExp(`^${name}: --(out|report) .*/file/x cannot be written \\(.+\\); name a file that can$`),
  )
  await expect(command().parseAsync([...flags, folder], { from: 'user' })).rejects.toThrow('(it is no file)')
})

test('inputs that cannot be read are told of, and the others are read', async () => {
  const told = vi.spyOn(console, 'error').mockImplementation(() => undefined)
  const read: string[] = []
  const work = async (input: string): Promise<void> => {
    if (input === '') throw new Error('it is empty')
    read.push(input)
  }
  const names = { system: 'bert', kind: 'text' }
  await expect(eachInput(['good', '', 'bad'], work, names)).rejects.toThrow('bert: 1 of 3 texts could not be read')
  expect(read).toEqual(['good', 'bad'])
  expect(told.mock.calls).toEqual([['text 2: it is empty']])
  await expect(eachInput([''], work, names)).rejects.toThrow('it is empty')
  told.mockRestore()
})

test('a curve of any length stays short, and goes on where it was kept', () => {
  const whole = new Curve()
  const [before, after] = [new Curve(), new Curve()]
  for (let step = 1; step <= 5000; step++) {
    const log = { step, loss: 1 / step }
    whole.onStep(log)
    ;(step <= 2500 ? before : after).onStep(log)
    if (step === 2500) after.restore(before.state())
  }
  expect(whole.steps.length).toBeGreaterThan(400)
  expect(whole.steps.length).toBeLessThanOrEqual(1000)
  expect(whole.losses).toEqual(whole.steps.map((step) => 1 / step))
  expect([after.steps, after.losses]).toEqual([whole.steps, whole.losses])
})

test('a report holds its charts as data, with gaps and bands', () => {
  const chart = {
    label: 'a <b>',
    x: { name: 'day', values: [1, 2, 3] },
    series: [
      { name: 'low', values: [1, null, 3], color: 'faint' as const },
      { name: 'high', values: [2, 3, Number.NaN], color: 'accent' as const },
    ],
    bands: [[1, 0]] as const,
  }
  const table = { head: ['<i>'], rows: [['&']] }
  const page = renderReport({
    ...{ title: 't', headline: 'h', subline: 's', facts: [['n', 'v']] },
    sections: [{ title: 'c', chart, table }],
  })
  expect(page).not.toMatch(/\{\{|<b>|<i>/)
  expect(page).toContain('aria-label="a &lt;b&gt;"')
  expect(page).toContain('<td>&amp;</td>')
  const data = /<script type="application\/json" id="data">([\s\S]*?)<\/script>/.exec(page)?.[1] ?? ''
  const [drawn] = JSON.parse(data).charts
  expect(drawn.bands).toEqual([[1, 0]])
  expect(drawn.series.map(({ values }: { values: unknown }) => values)).toEqual([
    [1, null, 3],
    [2, 3, null],
  ])
})
