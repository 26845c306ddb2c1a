import type { Contestant, OpenContestant, Running } from '../workload.ts'
import { slowKernels } from './slow-kernels.ts'
import { openWgrad } from './wgrad.ts'

/** wgrad with a fault, to see that the program notices: what it makes of a task that is set up. */
type Fault = (running: Running) => Running

/** Lets the first runs through, so that the results are right. */
function afterRuns(runs: number, fault: () => void): Fault {
  return (running) => {
    let done = 0
    const run = (): void | Promise<void> => {
      if (done++ >= runs) fault()
      return running.run()
    }
    return { ...running, run }
  }
}

const faults: Readonly<Record<string, Fault>> = {
  'planted-wrong': (running) => ({
    ...running,
    async read() {
      const results = await running.read()
      return Object.fromEntries(
        Object.entries(results).map(([name, values]) => [
          name,
          Array.from(values, (v, i) => (i % 7 === 3 ? 1.02 * v : v)),
        ]),
      )
    },
  }),
  'planted-throws': afterRuns(4, () => {
    throw new Error('planted: thrown on purpose')
  }),
  'planted-hangs': afterRuns(4, () => {
    for (;;);
  }),
}

/** Opens wgrad with a fault in it. */
export function openPlanted(name: string): OpenContestant {
  return async (gpu): Promise<Contestant> => {
    if (name === 'planted-slow') slowKernels()
    const contestant = await openWgrad(gpu)
    const fault = faults[name]
    return fault ? { ...contestant, make: async (task) => fault(await contestant.make(task)) } : contestant
  }
}
