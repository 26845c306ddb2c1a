import { WgradError } from '../errors.ts'
import { findSoftwareDriver, loadVulkan, selectDriver } from './driver.ts'

/** Which Vulkan driver Dawn is given. */
export type DriverChoice = 'auto' | 'swiftshader' | 'lavapipe'

/** Options of {@link nodeGpu}. */
export interface NodeGpuOptions {
  /**
   * `auto` takes a real GPU where the machine has one and a software driver otherwise; the other two name a
   * software driver. Default: the environment variable `WGRAD_DRIVER`, else `auto`.
   */
  driver?: DriverChoice
  /** Dawn's own options, such as `enable-dawn-features=allow_unsafe_apis`. */
  dawn?: readonly string[]
}

interface Dawn {
  create(options: string[]): GPU
  globals: object
}

// Dawn aborts the process when the object that `create` returned is collected while a device is in use.
const kept: GPU[] = []

async function loadDawn(): Promise<Dawn> {
  const name = 'webgpu'
  try {
    const dawn = (await import(/* @vite-ignore */ name)) as Dawn
    Object.assign(globalThis, dawn.globals)
    return dawn
  } catch (error) {
    throw new WgradError(
      `openDevice: cannot load the package webgpu (${(error as Error).message.split('\n')[0]}); ` +
        'it is an optional part of wgrad that gives Node a GPU: npm install webgpu',
    )
  }
}

function chosenDriver(asked: DriverChoice | undefined): DriverChoice {
  const choice = asked ?? process.env.WGRAD_DRIVER ?? 'auto'
  if (choice === 'auto' || choice === 'swiftshader' || choice === 'lavapipe') return choice
  throw new WgradError(`openDevice: WGRAD_DRIVER is '${choice}'; it must be auto, swiftshader or lavapipe`)
}

/** Whether the adapter that `gpu` offers is a real GPU. */
async function isHardware(gpu: GPU): Promise<boolean> {
  const adapter = await gpu.requestAdapter()
  return adapter !== null && !adapter.info.isFallbackAdapter
}

/**
 * A `navigator.gpu` for Node, from Dawn (the optional package `webgpu`).
 *
 * On Linux it takes, in this order: the drivers in `VK_DRIVER_FILES` where that is set, a real GPU, SwiftShader from
 * `@sparticuz/chromium`, SwiftShader beside an installed Chrome or Chromium, and whatever else Vulkan offers.
 */
export async function nodeGpu(options: NodeGpuOptions = {}): Promise<GPU> {
  const choice = chosenDriver(options.driver)
  const dawn = await loadDawn()
  const create = (): GPU => {
    const gpu = dawn.create([...(options.dawn ?? [])])
    kept.push(gpu)
    return gpu
  }
  if (process.platform !== 'linux') return create()
  if (choice !== 'auto') {
    const driver = await findSoftwareDriver(choice)
    if (!driver) {
      const remedy = choice === 'lavapipe' ? 'install Mesa (mesa-vulkan-drivers)' : 'npm install @sparticuz/chromium'
      throw new WgradError(`openDevice: the driver ${choice} was asked for and is not installed; ${remedy}`)
    }
    selectDriver(driver)
    const gpu = create()
    if (await gpu.requestAdapter()) return gpu
    throw new WgradError(
      `openDevice: Dawn takes no adapter from ${choice} (${driver.manifest}), which is too old or broken; ` +
        'install a newer one, or let driver be auto',
    )
  }
  const given = process.env.VK_DRIVER_FILES ?? process.env.VK_ICD_FILENAMES
  const hasLoader = loadVulkan()
  if (hasLoader && !given) {
    const gpu = create()
    if (await isHardware(gpu)) return gpu
  }
  const driver = await findSoftwareDriver('swiftshader')
  if (given) {
    if (!hasLoader && driver?.loader) loadVulkan(driver.loader)
  } else if (driver) {
    selectDriver(driver)
  }
  const gpu = create()
  if (await gpu.requestAdapter()) return gpu
  throw new WgradError(
    `openDevice: Vulkan offers no adapter${given ? ` with VK_DRIVER_FILES=${given}` : ' and no software driver was found'}; ` +
      'install the GPU driver, or npm install @sparticuz/chromium, which holds a software one',
  )
}
