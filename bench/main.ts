import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import cliProgress from 'cli-progress'
import { comparison } from './report/compare.ts'
import { reportHtml } from './report/html.ts'
import { reportTable, workloadLines } from './report/table.ts'
import { runBench, type Suite } from './run/bench.ts'
import type { Host } from './run/host.ts'
import type { Report } from './run/results.ts'

/** Which adapter to take. */
export type AdapterName = 'auto' | 'hardware' | 'software'

/** The command line's options, checked. */
export interface BenchOptions {
  readonly suite: readonly Suite[]
  readonly peers: readonly string[]
  readonly only?: string
  readonly adapter: AdapterName
  readonly quick?: boolean
  readonly repeat: number
  readonly json?: string
  readonly against?: string
  readonly plant?: string
  readonly out: string
}

/** What differs between the program here and the bundle for machines without npm. */
export interface Surroundings {
  openHost(): Promise<Host>
}

/** Runs the suites, prints tables, writes the files that were asked for. */
export async function main(options: BenchOptions, { openHost }: Surroundings): Promise<void> {
  const before = options.against === undefined ? null : await readReport(options.against)
  const contestants = ['wgrad', ...options.peers]
  const bar = new Bar()
  const host = await openHost()
  let stopped = false
  const stop = (): void => {
    stopped = true
    bar.line('Interrupted: what was measured so far follows.')
    void host.close()
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop)
  try {
    const plan = {
      suites: options.suite,
      contestants,
      ...(options.only !== undefined && { only: options.only }),
      ...(options.plant !== undefined && { standIn: `planted-${options.plant}` }),
      quick: options.quick ?? false,
      rounds: options.repeat,
    }
    const report = await runBench(host, plan, {
      onProgress: (done, total, what) => bar.show(done, total, what),
      onResult: (result) => bar.line(workloadLines(result)),
      stopped: () => stopped,
    })
    bar.stop()
    console.log(`\n${reportTable(report)}`)
    await write(report, options)
    if (before) console.log(comparison(before, report))
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, stop)
    bar.stop()
    await host.close()
  }
}

async function write(report: Report, options: BenchOptions): Promise<void> {
  const page = join(resolve(options.out), 'bench.html')
  await mkdir(dirname(page), { recursive: true })
  await writeFile(page, reportHtml(report))
  console.log(`Charts: ${pathToFileURL(page).href}`)
  if (options.json === undefined) return
  await mkdir(dirname(resolve(options.json)), { recursive: true })
  await writeFile(options.json, `${JSON.stringify(report, null, 1)}\n`)
}

async function readReport(file: string): Promise<Report> {
  const report = JSON.parse(await readFile(file, 'utf8')) as Report
  if (report.schema !== 'wgrad-bench/2')
    throw new Error(`bench: ${file} has the schema ${report.schema}; --against takes what --json wrote, wgrad-bench/2`)
  return report
}

/** A bar where it is a terminal; results as lines in any case. */
class Bar {
  #bar: cliProgress.SingleBar | null = null

  show(done: number, total: number, what: string): void {
    if (!process.stderr.isTTY) return
    if (!this.#bar) {
      const format = '{bar} {value}/{total} {eta_formatted} {what}'
      const options = { clearOnComplete: true, hideCursor: true, barsize: 24, format }
      this.#bar = new cliProgress.SingleBar(options, cliProgress.Presets.rect)
      this.#bar.start(total, done, { what })
    }
    this.#bar.update(done, { what })
  }

  line(text: string): void {
    this.stop()
    console.log(text)
  }

  stop(): void {
    this.#bar?.stop()
    this.#bar = null
  }
}
