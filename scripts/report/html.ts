/** Text for any place in HTML, attributes in double quotes included. */
export function escapeHtml(text: string): string {
  const names: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
  return text.replace(/[&<>"']/g, (character) => names[character] ?? character)
}

/** JSON that cannot end the script element it stands in; NaN and infinite numbers are null. */
export function scriptJson(value: unknown): string {
  return JSON.stringify(value).replace(/</g, '\\u003c')
}

/** A table; `rows` are cells in HTML, such as {@link cells} makes. */
export function htmlTable(head: readonly string[], rows: readonly string[]): string {
  const heads = head.map((text) => `<th scope="col">${escapeHtml(text)}</th>`).join('')
  const body = rows.map((row) => `<tr>${row}</tr>`).join('\n')
  return `<table><thead><tr>${heads}</tr></thead><tbody>\n${body}\n</tbody></table>`
}

/** Cells of texts. */
export function cells(row: readonly string[]): string {
  return row.map((text) => `<td>${escapeHtml(text)}</td>`).join('')
}
