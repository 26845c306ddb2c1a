import { existsSync } from 'node:fs'
import { openDevice } from '../../src/node.ts'
import { chromeRoute } from './chrome.ts'
import type { Digits, TrainEvent, TrainOptions, TrainResult } from './result.ts'
import { train } from './train.ts'

/** Where to run; `auto` is wherever there is a real GPU. */
export type RouteName = 'auto' | 'node' | 'chrome'

/** A way to a WebGPU, with a device open. */
export interface Route {
  software: boolean
  train(digits: Digits, options: TrainOptions, onEvent: (event: TrainEvent) => void): Promise<TrainResult>
  close(): Promise<void>
}

/**
 * A real GPU in Node, else one in headless Chrome, else a software adapter in Node, else one in Chrome. Asking for
 * one of the two skips the other.
 */
export async function chooseRoute(name: RouteName): Promise<Route> {
  const failures: string[] = []
  const attempt = async (where: string, open: () => Promise<Route>): Promise<Route | null> => {
    try {
      return await open()
    } catch (error) {
      failures.push(`  in ${where}: ${error instanceof Error ? error.message : error}`)
      return null
    }
  }
  // Opening a software driver in Node sets this variable, which a browser in search of a GPU must not inherit.
  const given = process.env.VK_DRIVER_FILES
  const inNode = name === 'chrome' ? null : await attempt('Node', nodeRoute)
  if (inNode !== null && (name === 'node' || !inNode.software)) return inNode
  if (name !== 'node') {
    if (mayHaveGpu()) {
      const chosen = setDriver(given)
      const onGpu = await attempt('Chrome with a GPU', () => chromeRoute({ hardware: true }))
      setDriver(chosen)
      if (onGpu !== null && !onGpu.software) {
        await inNode?.close()
        return onGpu
      }
      await onGpu?.close()
    }
    if (inNode !== null) return inNode
    const inChrome = await attempt('Chrome', () => chromeRoute({ hardware: false }))
    if (inChrome !== null) return inChrome
  }
  throw new Error(`start: no WebGPU found\n${failures.join('\n')}`)
}

async function nodeRoute(): Promise<Route> {
  const device = await openDevice()
  return {
    software: device.info.software,
    train: (digits, options, onEvent) => train(device, digits, options, { where: 'Node', onEvent }),
    close: async () => device.close(),
  }
}

function setDriver(files: string | undefined): string | undefined {
  const before = process.env.VK_DRIVER_FILES
  if (files === undefined) delete process.env.VK_DRIVER_FILES
  else process.env.VK_DRIVER_FILES = files
  return before
}

/** False where a look is enough to know that there is no GPU, which saves starting a browser to ask. */
function mayHaveGpu(): boolean {
  if (process.platform !== 'linux') return true
  return ['/dev/dri', '/dev/nvidiactl', '/dev/dxg'].some((path) => existsSync(path))
}
