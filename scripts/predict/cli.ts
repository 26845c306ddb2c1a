import { runProgram } from '../train/common/program.ts'
import { bertCommand } from './bert.ts'
import { decCommand } from './dec.ts'
import { forecastCommand } from './forecast.ts'
import { resnetCommand } from './resnet.ts'

await runProgram({
  name: 'npm run predict --',
  description: 'Predicts with a system that was trained, in whichever WebGPU Node finds.',
  // A system adds its command here.
  systems: [bertCommand, decCommand, forecastCommand, resnetCommand],
})
