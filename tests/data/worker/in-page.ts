import { behaviour, type Start } from './behaviour.ts'

// Vite finds a worker's script where address and options are written out.
const start: Start = (name) => {
  switch (name) {
    case 'samples':
      return new Worker(new URL('./samples.ts', import.meta.url), { type: 'module' })
    case 'fails-to-start':
      return new Worker(new URL('./fails-to-start.ts', import.meta.url), { type: 'module' })
    case 'is-not-there':
      return new Worker('/no/such/worker.js', { type: 'module' })
  }
}

declare global {
  var wgradWorkers: () => Promise<Record<string, unknown>>
}

globalThis.wgradWorkers = () => behaviour(start)
