// npm start: trains a network that reads digits, in whichever WebGPU this machine has, and writes out/report.html.
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command, InvalidArgumentError, Option } from 'commander'
import { runnerImport } from 'vite'

function number(low, whole) {
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

const root = fileURLToPath(new URL('..', import.meta.url))
try {
  const { module } = await runnerImport(resolve(root, 'scripts/start/main.ts'), {
    root,
    configFile: false,
    logLevel: 'error',
  })
  await module.main(program.opts())
  // Dawn keeps the process alive; everything is written by now.
  process.exit(0)
} catch (error) {
  console.error(process.env.DEBUG ? error : `\n${error instanceof Error ? error.message : error}`)
  process.exit(1)
}
