import { compile, openDevice, spec } from '../../src/index.ts'
import { planted } from './planted.ts'

/** What tuning came to in a page or a worker. */
export interface PageTuning {
  readonly taken: string | undefined
  readonly remembered: boolean | undefined
  readonly struck: readonly string[]
  readonly notes: readonly string[]
}

/** Tunes a step whose default kernel is slow and of whose others one is wrong. */
export async function tuneInPage(reset = false): Promise<PageTuning> {
  const device = await openDevice()
  const { variants } = device
  if (reset) await variants.reset()
  await compile(planted('slow', 'allWrong', 'sound', 'broken'), { device }).prepare([spec([64])], { tune: true })
  const [answer] = variants.tuned()
  device.close()
  const struck = variants.struck().map(({ name }) => name)
  return { taken: answer?.taken, remembered: answer?.remembered, struck: struck.sort(), notes: variants.notes }
}

declare global {
  var wgradTuner: { readonly tune: typeof tuneInPage; inWorker(): Promise<PageTuning> }
}

globalThis.wgradTuner = {
  tune: tuneInPage,
  inWorker: () =>
    new Promise((resolve, reject) => {
      const worker = new Worker(new URL('./tuner-worker.ts', import.meta.url), { type: 'module' })
      worker.onmessage = ({ data }: MessageEvent<PageTuning>) => resolve(data)
      worker.onerror = (event) => reject(new Error(event.message))
    }),
}
