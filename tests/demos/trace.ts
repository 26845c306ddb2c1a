import type { Page } from 'puppeteer'

interface TraceEvent {
  name: string
  ph: string
  pid: number
  tid: number
  /** Microseconds of the thread's own time. */
  tdur?: number
  dur?: number
  args: { name?: string; data?: { frames?: { url?: string }[] } }
}

/** Records what the page's threads do until the answer is called; that gives the main thread's tasks in milliseconds, ascending. */
export async function traceTasks(page: Page): Promise<() => Promise<number[]>> {
  await page.tracing.start({ categories: ['toplevel', 'devtools.timeline', '__metadata'] })
  return async () => {
    const bytes = await page.tracing.stop()
    const { traceEvents } = JSON.parse(new TextDecoder().decode(bytes)) as { traceEvents: TraceEvent[] }
    const isTask = ({ name, ph }: TraceEvent): boolean => ph === 'X' && /RunTask$/.test(name)
    const main = traceEvents.filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain')
    const durations = main.map(({ pid, tid }) =>
      traceEvents
        .filter((each) => isTask(each) && each.pid === pid && each.tid === tid)
        .map(({ tdur = 0 }) => tdur / 1000),
    )
    // Other pages have renderers too; the one that is watched is the busiest.
    const busiest = durations.sort((a, b) => sum(b) - sum(a))[0] ?? []
    return busiest.sort((a, b) => a - b)
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
