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

/** Cells in columns: the first to the left, the others to the right. */
export function columns(rows: readonly (readonly string[])[], left = 1): string {
  const width = (c: number): number => Math.max(...rows.map((row) => (row[c] ?? '').length))
  const widths = Array.from({ length: Math.max(...rows.map((row) => row.length)) }, (_, c) => width(c))
  return rows
    .map((row) =>
      row
        .map((cell, c) => (c < left ? cell.padEnd(widths[c] ?? 0) : cell.padStart(widths[c] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
