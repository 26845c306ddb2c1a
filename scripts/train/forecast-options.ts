import { Command, InvalidArgumentError, Option } from 'commander'
import type { ForecasterConfig } from '../../src/models/index.ts'
import { names, positive, share, whole } from './common/options.ts'
import { addRunOptions, type RunOptions } from './common/run.ts'

/** What decides a forecaster and its training. */
export interface ForecastSettings {
  readonly target: readonly string[]
  readonly columns?: readonly string[]
  readonly cycles?: Readonly<Record<string, number>>
  readonly window: number
  readonly horizon: number
  readonly test?: number
  readonly folds: number
  readonly leaveOut: number
  readonly season?: number
  readonly cell: NonNullable<ForecasterConfig['cell']>
  readonly hidden: number
  readonly layers: number
  readonly dropout: number
  readonly residual: NonNullable<ForecasterConfig['residual']>
  readonly quantiles: readonly number[]
  readonly epochs: number
  readonly batchSize: number
  readonly lr: number
  readonly schedule: 'constant' | 'cosine'
  readonly clip: number
}

/** The options of `train -- forecast`. */
export interface ForecastOptions extends ForecastSettings, RunOptions {
  readonly data: string
  readonly seeds: number
  readonly firstSeed: number
  readonly atMost?: readonly number[]
}

/** The command, but for what it does. */
export function forecastCommandLine(): Command {
  const command = new Command('forecast')
    .description(
      'Trains recurrent networks to forecast series, and compares them with persistence, seasonal-naive and linear forecasts.',
    )
    .requiredOption('--data <file>', 'CSV file with a header and a row for each of evenly spaced times')
    .requiredOption('--target <names>', 'columns to forecast, with commas between them', names)
    .option('--columns <names>', 'columns to see; texts of a few kinds too (default: all columns of numbers)', names)
    .option('--cycles <pairs>', 'columns that go round, as sine and cosine, such as hour:24,month:12', cycles)
    .option('--window <steps>', 'rows that a forecast sees', whole(1), 30)
    .option('--horizon <steps>', 'rows to forecast', whole(1), 1)
    .option('--test <steps>', 'last rows, to test with (default: a fifth)', whole(1))
    .option(
      '--folds <n>',
      'blocks of --test rows to walk through, each forecast after training on all before it',
      whole(1),
      1,
    )
    .option(
      '--leave-out <steps>',
      'rows at the end to leave alone, such as a year to choose settings without',
      whole(0),
      0,
    )
    .option('--season <steps>', 'rows after which things repeat, for the seasonal-naive forecast', whole(2))
    .addOption(new Option('--cell <kind>', 'recurrent cell').choices(['lstm', 'gru', 'rnn']).default('lstm'))
    .option('--hidden <units>', 'width of the recurrent layers', whole(1), 32)
    .option('--layers <n>', 'recurrent layers', whole(1), 1)
    .option('--dropout <share>', 'share of the state left out while training', share, 0)
    .addOption(
      new Option('--residual <kind>', 'what the network adds to: nothing, the last row, or a linear forecast')
        .choices(['none', 'last', 'linear'])
        .default('none'),
    )
    .option('--quantiles <levels>', 'levels to forecast in place of the mean, such as 0.1,0.5,0.9', quantiles, [])
    .option('--epochs <n>', 'how often to see each window', whole(1), 30)
    .option('--batch-size <n>', 'windows of a step', whole(1), 64)
    .option('--lr <rate>', 'learning rate of Adam', positive, 3e-3)
    .addOption(
      new Option('--schedule <kind>', 'learning rate over the training')
        .choices(['constant', 'cosine'])
        .default('constant'),
    )
    .option('--clip <norm>', 'largest norm of the gradient', positive, 1)
    .option('--seeds <n>', 'how many times to train, with other weights and orders', whole(1), 1)
    .option('--first-seed <n>', 'the first of them', whole(0), 0)
    .option('--at-most <errors>', 'fails where the mean RMSE of a target, in their order, is higher', numbers)
  return addRunOptions(command)
}

function numbers(text: string): number[] {
  return names(text).map(positive)
}

function quantiles(text: string): number[] {
  const levels = numbers(text)
  if (levels.some((level, i) => level >= 1 || level <= (levels[i - 1] ?? 0)))
    throw new InvalidArgumentError('They must rise, between 0 and 1.')
  return levels
}

function cycles(text: string): Record<string, number> {
  return Object.fromEntries(
    names(text).map((pair) => {
      const [name = '', length = ''] = pair.split(':')
      return [name, positive(length)]
    }),
  )
}
