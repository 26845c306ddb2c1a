// npm run bench -- SUITE: measures the engine and prints tables.
import { Command, InvalidArgumentError, Option } from 'commander'
import { openLoader } from '../scripts/load.mjs'

function whole(text) {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('It must be a whole number, 1 or more.')
  return value
}

async function run(suite, options) {
  try {
    const loader = await openLoader()
    const module = await loader.load('bench/main.ts')
    await module[suite](options)
    // Dawn keeps the process alive; everything is written by now.
    process.exit(0)
  } catch (error) {
    console.error(process.env.DEBUG ? error : `\n${error instanceof Error ? error.message : error}`)
    process.exit(1)
  }
}

const program = new Command('npm run bench --').showHelpAfterError('(npm run bench -- --help lists the suites)')
program
  .command('steady')
  .description('What a training step takes when it runs again and again: calls, JavaScript time, memory.')
  .option('--steps <n>', 'steps to count and time', whole, 300)
  .option('--warmup <n>', 'steps before them', whole, 100)
  .option('--memory-steps <n>', 'step at which the memory is looked at again', whole, 1100)
  .option('--memory-seconds <n>', 'longest time to go on for the memory alone, for each workload', whole, 300)
  .addOption(new Option('--only <workload>', 'run one workload').choices(['mlp', 'cnn']))
  .option('--node', 'run on Dawn in Node instead of headless Chrome')
  .option('--hardware', 'give Chrome a real GPU instead of SwiftShader')
  .option('--json <file>', 'write the figures to a file')
  .action((options) => run('steady', options))
await program.parseAsync()
