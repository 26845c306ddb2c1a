import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Progress, printResult } from './console.ts'
import { findDigits } from './digits.ts'
import { renderReport } from './report.ts'
import type { TrainOptions } from './result.ts'
import { chooseRoute, type RouteName } from './route.ts'

/** The command line's options, checked. */
export interface StartOptions extends TrainOptions {
  data?: string
  draw?: boolean
  all?: boolean
  adapter: RouteName
  out: string
}

/** The whole main job: finds digits and a WebGPU, trains, prints, writes the report. */
export async function main(options: StartOptions): Promise<void> {
  const started = performance.now()
  const { epochs, batchSize, learningRate, seed } = options
  const progress = new Progress()
  const route = await chooseRoute(options.adapter)
  try {
    const digits = await findDigits({
      program: 'start',
      ...(options.data !== undefined && { folder: resolve(options.data) }),
      draw: options.draw ?? false,
      all: options.all ?? !route.software,
      seed,
      say: (line) => progress.line(line),
      onProgress: (file, received, total) => progress.download(file, received, total),
    })
    progress.line(`Digits: ${digits.source}; ${digits.train} to train on, ${digits.test} to test with`)
    const result = await route.train(digits, { epochs, batchSize, learningRate, seed }, (event) =>
      progress.event(event),
    )
    progress.stop()
    printResult(result)
    const file = join(resolve(options.out), 'report.html')
    await mkdir(resolve(options.out), { recursive: true })
    await writeFile(file, renderReport(result, digits))
    await writeFile(join(resolve(options.out), 'trace.json'), result.trace)
    progress.line(`\nReport: ${pathToFileURL(file).href}`)
    progress.line(`Done in ${((performance.now() - started) / 1000).toFixed(0)} s`)
  } finally {
    progress.stop()
    await route.close()
  }
}
