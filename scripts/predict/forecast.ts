import { Command } from 'commander'
import { normalizer, readSeries, type Series } from '../../src/data/index.ts'
import { forecastNext } from '../../src/models/index.ts'
import { folderStore, openDevice } from '../../src/node.ts'
import { readCheckpoint } from '../../src/train/index.ts'
import { settingsOf } from '../train/common/kept.ts'
import { whole } from '../train/common/options.ts'
import { prepareOutput, writeOutput } from '../train/common/output.ts'
import { readNamed } from '../train/common/read-named.ts'
import { makeForecaster } from '../train/forecast-model.ts'
import type { ForecastSettings } from '../train/forecast-options.ts'
import { seriesOptions } from '../train/forecast-series.ts'

interface PredictOptions {
  readonly checkpoint: string
  readonly data: string
  readonly seed: number
  readonly out?: string
}

/** What a training keeps beside its weights. */
type KeptSettings = ForecastSettings & {
  readonly names: readonly string[]
  readonly shift: readonly number[]
  readonly scale: readonly number[]
}

/** `forecast`: the rows that come after the end of a file. */
export function forecastCommand(): Command {
  return new Command('forecast')
    .description('Forecasts the rows after the end of a CSV file, by a training of `npm run train -- forecast`.')
    .requiredOption('--checkpoint <folder>', 'where the training was kept')
    .requiredOption('--data <file>', 'CSV file with the columns that it was trained with, up to now')
    .option('--seed <n>', 'which of its trainings', whole(0), 0)
    .option('--out <file>', 'CSV file for the forecast')
    .action(predict)
}

async function predict({ checkpoint: folder, data, seed, out }: PredictOptions): Promise<void> {
  await prepareOutput('forecast', '--out', out)
  const store = folderStore(folder)
  const settings = (await settingsOf('forecast', store, folder)) as unknown as KeptSettings
  const csv = await readNamed('forecast', data, '--data names a CSV file')
  const series = matching(readSeries(csv, seriesOptions(settings)), settings, data)
  const device = await openDevice()
  try {
    const found = await readCheckpoint(store, `seed-${seed}`)
    if (!found) throw new Error(`forecast: ${folder} has no training with seed ${seed}; name another --seed`)
    const model = makeForecaster(settings, series)
    model.loadStateDict(found.model)
    const made = await forecastNext(model, series, normalizer(settings))
    const lines = table(settings, made)
    for (const line of lines) console.log(line.join('\t'))
    if (out !== undefined) await writeOutput(out, `${lines.map((line) => line.join(',')).join('\n')}\n`)
  } finally {
    device.close()
  }
}

/** The series with the columns of the training: classes that this file lacks are 0. */
function matching(series: Series, { names }: KeptSettings, file: string): Series {
  const places = names.map((name) => {
    const at = series.names.indexOf(name)
    if (at < 0 && !name.includes('='))
      throw new Error(`forecast: ${file} has no ${name}; it was trained with ${names.join(', ')}`)
    return at
  })
  const unknown = series.names.filter((name) => !names.includes(name))
  if (unknown.length > 0)
    throw new Error(`forecast: ${file} has ${unknown.join(', ')}; it was trained with ${names.join(', ')}`)
  const steps = series.shape[0] ?? 0
  const data = Float32Array.from({ length: steps * names.length }, (_, i) => {
    const at = places[i % names.length] as number
    return at < 0 ? 0 : (series.data[Math.floor(i / names.length) * series.names.length + at] as number)
  })
  return { data, shape: [steps, names.length], names }
}

/** A row for each step ahead, a column for each target and level. */
function table({ target, quantiles, horizon }: KeptSettings, made: Float32Array): string[][] {
  const head = target.flatMap((name) => (quantiles.length > 0 ? quantiles.map((q) => `${name} ${q}`) : [name]))
  const rows = Array.from({ length: horizon }, (_, ahead) => [
    String(ahead + 1),
    ...head.map((_, i) => (made[ahead * head.length + i] as number).toPrecision(5)),
  ])
  return [['step', ...head], ...rows]
}
