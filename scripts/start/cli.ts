import { Command, InvalidArgumentError, Option } from 'commander'
import { main, type StartOptions } from './main.ts'

/** A number from `low` on, or a whole one. */
function number(low: number, whole: boolean): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (text.trim() === '' || !(value >= low) || !Number.isFinite(value) || (whole && !Number.isSafeInteger(value))) {
      throw new InvalidArgumentError(`It must be a ${whole ? 'whole ' : ''}number, ${low} or more.`)
    }
    return value
  }
}

const program = new Command('npm start --')
  .description('Trains a convolutional network on handwritten digits and writes out/report.html.')
  .addOption(new Option('--data <folder>', 'folder with MNIST files (IDX, gzipped or not)').env('WGRAD_DATA'))
  .option('--draw', 'train on digits drawn by the program, without any network')
  .option('--all', 'download all 70,000 digits (default: where there is a real GPU)')
  .option('--epochs <n>', 'how often to see each training digit', number(1, true), 5)
  .option('--batch-size <n>', 'digits per step', number(1, true), 64)
  .option('--learning-rate <x>', 'where the learning rate starts', number(0, false), 3e-3)
  .option('--seed <n>', 'decides the initial weights and the order of the digits', number(0, true), 0)
  .addOption(
    new Option('--adapter <where>', 'run in Node, in headless Chrome, or wherever there is a real GPU')
      .choices(['auto', 'node', 'chrome'])
      .default('auto'),
  )
  .option('--out <folder>', 'where to write the report', 'out')
  .allowExcessArguments(false)
  .showHelpAfterError('(npm start -- --help lists the options)')
  .parse()

try {
  await main(program.opts<StartOptions>())
  // Dawn keeps the process alive; everything is written by now.
  process.exit(0)
} catch (error) {
  console.error(process.env.DEBUG ? error : `\n${error instanceof Error ? error.message : error}`)
  process.exit(1)
}
