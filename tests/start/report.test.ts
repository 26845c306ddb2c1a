import { describe, expect, test } from 'vitest'
import { escapeHtml } from '../../scripts/report/html.ts'
import { renderReport } from '../../scripts/start/report.ts'
import { sampleRun } from './sample-result.ts'

/** The report without the chart library, whose source is none of ours. */
function withoutLibrary(html: string): string {
  return html.replace(/<script>[^<]*uPlot[\s\S]*?<\/script>/, '')
}

describe('report', () => {
  const { result, digits } = sampleRun()
  const html = renderReport(result, digits)

  test('shows what was reached and what it took', () => {
    expect(html).toContain('<h1>97.5 % of 200 digits read correctly</h1>')
    expect(html).toContain('<dt>dispatches per step</dt><dd>31</dd>')
    expect(html).toContain('<dt>memory traffic per step</dt><dd>39.3 MiB</dd>')
    expect(html).toContain('<td>conv/weight_grad</td><td>2</td><td>18.200</td>')
    expect(html).toContain('5 of 200 test digits read wrongly')
    expect(html).not.toContain('{{')
  })

  test('needs no other file and no network', () => {
    expect(html).toContain("default-src 'none'")
    expect(withoutLibrary(html)).not.toMatch(/https?:|\bsrc=|\bhref=|@import|url\(/)
  })

  test('each script ends where it was meant to', () => {
    expect(html.match(/<\/script/g)).toHaveLength(html.match(/<script/g)?.length ?? 0)
    const data = /<script type="application\/json" id="data">([\s\S]*?)<\/script>/.exec(html)?.[1] ?? ''
    const { charts, own } = JSON.parse(data)
    const [{ x, series }] = charts
    const { digits: shown } = own
    expect(x.values).toEqual(result.steps)
    expect(series[0].values).toEqual(result.losses)
    expect(series[1].values[0]).toBeCloseTo(result.losses[0] as number, 4)
    expect(shown.wrong).toHaveLength(5)
    expect(shown.wrong[0]).toMatchObject({ label: digits.labels[107], read: result.predictions[7] })
    expect(Buffer.from(shown.first[0].pixels, 'base64')).toEqual(Buffer.from(digits.images.subarray(78400, 79184)))
  })

  test('text from outside stays text', () => {
    const evil = '</script><img src=x onerror="alert(1)">\'&'
    const run = {
      ...result,
      source: evil,
      adapter: { ...result.adapter, name: evil },
      profile: result.profile.map((row) => ({ ...row, kernel: evil })),
    }
    const page = renderReport(run, digits)
    expect(page).not.toContain('<img')
    expect(page.match(/<\/script/g)).toHaveLength(html.match(/<\/script/g)?.length ?? 0)
    expect(page).toContain('&lt;/script&gt;&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&#39;&amp;')
    expect(escapeHtml('$& $1')).toBe('$&amp; $1')
  })

  test('says so when there are no timestamps and no mistakes', () => {
    const labels = Array.from(digits.labels.subarray(100))
    const page = renderReport({ ...result, predictions: labels, clock: 'wall' }, digits)
    expect(page).toContain('None of 200 test digits read wrongly')
    expect(page).toContain(
      '31.51 ms in all, by waiting for each dispatch, since this adapter has no timestamp queries.',
    )
  })
})
