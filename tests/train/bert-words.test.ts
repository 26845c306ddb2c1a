import { expect, test } from 'vitest'
import { textSection } from '../../scripts/predict/bert-report.ts'
import { bestOf, type ReadText, wordsOf } from '../../scripts/predict/bert-text.ts'

const read: ReadText = {
  text: '<b>Café films!',
  ids: [2, 5, 6, 7, 8, 3],
  tokens: ['[CLS]', 'cafe', 'film', '##s', '!', '[SEP]'],
  offsets: [
    [0, 0],
    [0, 7],
    [8, 14],
    [8, 14],
    [8, 14],
    [0, 0],
  ],
  truncated: 0,
  classes: ['bad', 'good'],
  probabilities: [0.25, 0.75],
  attributions: [9, -0.5, 1, 0.25, 0.5, 9],
  attention: Array.from({ length: 72 }, (_, i) => (i % 7 === 0 ? 1 : 0)),
}

test('words have the sum of what their tokens speak', () => {
  expect(wordsOf(read)).toEqual([
    { word: '<b>Café', attribution: -0.5 },
    { word: 'films!', attribution: 1.75 },
  ])
  expect(bestOf(read)).toEqual({ name: 'good', share: 0.75 })
})

test('the report has a map for each layer, and texts as they are', () => {
  const { title, html = '' } = textSection(read)
  expect(title).toBe('good, 75.0 %')
  expect(html.match(/<svg/g)).toHaveLength(2)
  expect(html).toContain('&lt;b&gt;Café')
  expect(html).not.toContain('<b>')
  expect(html).toContain('cafe looks at cafe: 1.000')
  expect(html.match(/<rect/g)).toHaveLength(11)
})
