import { fail, WgradError } from '../errors.ts'

/** Which adapter to ask for. `software` forces the fallback adapter. */
export type AdapterChoice = 'default' | 'high-performance' | 'low-power' | 'software'

/** What a device turned out to be. */
export interface DeviceInfo {
  /** As WebGPU names it, such as `nvidia`; empty where the browser keeps it to itself, as is the next. */
  readonly vendor: string
  readonly architecture: string
  /** The adapter in words, for people. */
  readonly description: string
  /** A CPU pretends to be the GPU (SwiftShader, llvmpipe, WARP). */
  readonly software: boolean
  /** WebGPU features that were granted, sorted. */
  readonly features: readonly string[]
  /** Smallest and largest subgroup, or null without the feature. */
  readonly subgroupSize: readonly [number, number] | null
}

const choices: readonly AdapterChoice[] = ['default', 'high-performance', 'low-power', 'software']

const wantedFeatures = ['subgroups', 'shader-f16', 'timestamp-query'] as const

const wantedLimits = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
] as const

/** Asks for an adapter; every failure says what to do about it. */
export async function requestAdapter(gpu: GPU | undefined, choice: AdapterChoice): Promise<GPUAdapter> {
  if (!choices.includes(choice)) {
    fail('openDevice', `adapter is '${String(choice)}'`, `it must be one of ${choices.map((c) => `'${c}'`).join(', ')}`)
  }
  if (!gpu) {
    throw new WgradError(
      "openDevice: there is no WebGPU here (navigator.gpu is missing); use a browser that has it (Chrome or Edge 113, Safari 26, Firefox 141 or later) on an https or localhost page, or import 'wgrad/node' in Node",
    )
  }
  const options: GPURequestAdapterOptions = {}
  if (choice === 'software') options.forceFallbackAdapter = true
  else if (choice !== 'default') options.powerPreference = choice
  const adapter = await gpu.requestAdapter(options)
  if (adapter) return adapter
  throw new WgradError(
    `openDevice: WebGPU is here but has no adapter for '${choice}'; update the graphics driver, turn hardware acceleration on, or allow a software adapter (Chrome: --enable-unsafe-webgpu --use-webgpu-adapter=swiftshader)`,
  )
}

/** The features and limits to ask of `adapter`: all it has of what wgrad can use. */
export function negotiate(adapter: GPUAdapter): GPUDeviceDescriptor {
  const requiredFeatures = wantedFeatures.filter((f) => adapter.features.has(f))
  const requiredLimits: Record<string, number> = {}
  for (const name of wantedLimits) {
    const value = adapter.limits[name]
    if (typeof value === 'number') requiredLimits[name] = value
  }
  return { requiredFeatures, requiredLimits, label: 'wgrad' }
}

/** Names the adapter behind a device. */
export function describe(adapter: GPUAdapter, device: GPUDevice): DeviceInfo {
  const info: Partial<GPUAdapterInfo> = adapter.info ?? {}
  const text = [info.vendor, info.architecture, info.device, info.description].filter(Boolean).join(' ')
  const min = info.subgroupMinSize
  const max = info.subgroupMaxSize
  return {
    vendor: info.vendor ?? '',
    architecture: info.architecture ?? '',
    description: info.description || text || 'unnamed adapter',
    software: Boolean(info.isFallbackAdapter) || /swiftshader|llvmpipe|lavapipe|warp|basic render/i.test(text),
    features: [...device.features].map(String).sort(),
    subgroupSize: device.features.has('subgroups') && min && max ? [min, max] : null,
  }
}
