import { runProgram } from '../train/common/program.ts'

await runProgram({
  name: 'npm run predict --',
  description: 'Predicts with a system that was trained, in whichever WebGPU Node finds.',
  // A system adds its command here.
  systems: [],
})
