import { bertCommand } from './bert.ts'
import { charLstmCommand } from './char-lstm.ts'
import { runProgram } from './common/program.ts'
import { decCommand } from './dec.ts'
import { forecastCommand } from './forecast.ts'
import { resnetCommand } from './resnet.ts'
import { tabularCommand } from './tabular.ts'

await runProgram({
  name: 'npm run train --',
  description: 'Trains a system on data of yours, in whichever WebGPU Node finds.',
  // A system adds its command here.
  systems: [bertCommand, charLstmCommand, decCommand, forecastCommand, resnetCommand, tabularCommand],
})
