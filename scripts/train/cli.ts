import { Command } from 'commander'
import { charLstmCommand } from './char-lstm.ts'
import { tabularCommand } from './tabular.ts'

/** What can be trained; a system adds its command here. */
const systems = [charLstmCommand, tabularCommand]

const program = new Command('npm run train --')
  .description('Trains a system on data of yours, in whichever WebGPU Node finds.')
  .allowExcessArguments(false)
  .showHelpAfterError('(npm run train -- --help lists the systems)')
for (const system of systems) program.addCommand(system().allowExcessArguments(false))

try {
  await program.parseAsync()
  // Dawn keeps the process alive; everything is written by now.
  process.exit(0)
} catch (error) {
  console.error(process.env.DEBUG ? error : `\n${error instanceof Error ? error.message : error}`)
  process.exit(1)
}
