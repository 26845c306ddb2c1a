import { type Opened, Steady, type SteadyCalls, type WorkloadName } from './suites/steady.ts'

declare global {
  /** What the program calls in the page. */
  var bench: SteadyCalls & { open(name: WorkloadName): Promise<Opened> }
}

let current: Steady | null = null

function steady(): Steady {
  if (!current) throw new Error('bench: no step is open in the page')
  return current
}

globalThis.bench = {
  async open(name) {
    const { steady, opened } = await Steady.open(name)
    current = steady
    return opened
  },
  count: (steps) => steady().count(steps),
  run: (steps, seconds) => steady().run(steps, seconds),
  markBytes: () => steady().markBytes(),
  bytes: () => steady().bytes(),
}
