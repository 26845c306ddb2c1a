// npm start: trains a network that reads digits, in whichever WebGPU this machine has, and writes out/report.html.
import { fileURLToPath } from 'node:url'
import { runnerImport } from 'vite'

const root = fileURLToPath(new URL('..', import.meta.url))
// The file does its work while it is loaded: what imports on demand, such as Dawn, needs the runner to be there.
await runnerImport(`${root}/scripts/start/cli.ts`, { root, configFile: false, logLevel: 'error' })
