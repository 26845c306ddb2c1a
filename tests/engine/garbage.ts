import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Collects garbage and lets what it freed be given back. */
export async function sweep(times = 3): Promise<void> {
  for (let i = 0; i < times; i++) {
    collectGarbage()
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
