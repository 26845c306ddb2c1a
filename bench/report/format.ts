/** Milliseconds with three significant digits, in the unit that fits. */
export function duration(ms: number): string {
  if (ms < 1) return `${Number((1000 * ms).toPrecision(3))} us`
  return ms < 10_000 ? `${Number(ms.toPrecision(3))} ms` : `${Number((ms / 1000).toPrecision(3))} s`
}

/** A share as per cent. */
export function percent(share: number): string {
  return `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`
}

/** Three significant digits without an exponent. */
export function short(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3)))
}

/** Cells in columns: `left` of them to the left, the others to the right; what comes after the `last` is text of any length. */
export function columns(rows: readonly (readonly string[])[], left = 1, last = Number.POSITIVE_INFINITY): string {
  const count = Math.min(last, Math.max(...rows.map((row) => row.length)))
  const widths = Array.from({ length: count }, (_, c) => Math.max(...rows.map((row) => (row[c] ?? '').length)))
  return rows
    .map((row) => {
      const cells = widths.map((width, c) => (c < left ? (row[c] ?? '').padEnd(width) : (row[c] ?? '').padStart(width)))
      return [...cells, ...row.slice(count)].join('  ').trimEnd()
    })
    .join('\n')
}
