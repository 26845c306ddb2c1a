import { Command } from 'commander'
import { readAll, tensor } from '../../src/index.ts'
import { explainText } from '../../src/models/index.ts'
import { openDevice } from '../../src/node.ts'
import { renderReport } from '../report/report.ts'
import { loadClassifier } from '../train/bert-folder.ts'
import { prepareOutput, writeOutput } from '../train/common/output.ts'
import { readNamed } from '../train/common/read-named.ts'
import { textSection } from './bert-report.ts'
import { bestOf, type ReadText, wordsOf } from './bert-text.ts'
import { eachInput } from './each-input.ts'

interface PredictOptions {
  model: string
  file?: string
  report?: string
}

/** `bert`: what texts say. */
export function bertCommand(): Command {
  return new Command('bert')
    .description('Tells the classes of texts, and which words decided.')
    .argument('[texts...]', 'texts, in quotes')
    .requiredOption('--model <folder>', 'of `train -- bert --save`, or a published classifier: config.json and so on')
    .option('--file <file>', 'a text in each line, beside those given')
    .option('--report <file>', 'file for a page with the words that decided and maps of the attention')
    .action(predict)
}

async function predict(given: readonly string[], { model: folder, file, report }: PredictOptions): Promise<void> {
  const lines =
    file === undefined
      ? []
      : (await readNamed('bert', file, '--file has a text in each line'))
          .toString()
          .split(/\r?\n/)
          .filter((line) => line.trim() !== '')
  const texts = [...given, ...lines]
  if (texts.length === 0) throw new Error('bert: there is no text; give one in quotes, or a --file of them')
  await prepareOutput('bert', '--report', report)
  const device = await openDevice()
  try {
    const { model, tokenizer, classes } = await loadClassifier(folder)
    const read: ReadText[] = []
    const readOne = async (text: string): Promise<void> => {
      const encoding = tokenizer.encode(text)
      const inputIds = tensor(Int32Array.from(encoding.ids), { shape: [1, encoding.ids.length] })
      const { probabilities, attributions, attention } = explainText(model, { inputIds })
      const [shares = [], each = [], maps = []] = await readAll([probabilities, attributions, attention])
      read.push({ ...encoding, text, classes, probabilities: shares, attributions: each, attention: maps })
      console.log(lineOf(read.at(-1) as ReadText))
    }
    try {
      await eachInput(texts, readOne, { system: 'bert', kind: 'text' })
    } finally {
      if (report !== undefined && read.length > 0) await writeReport(report, folder, read)
    }
  } finally {
    device.close()
  }
}

/** Class and share, the words that decided, and the text. */
function lineOf(read: ReadText): string {
  const { name, share } = bestOf(read)
  const words = wordsOf(read)
    .sort((a, b) => Math.abs(b.attribution) - Math.abs(a.attribution))
    .slice(0, 3)
    .map(({ word, attribution }) => `${word} ${attribution < 0 ? '' : '+'}${attribution.toFixed(2)}`)
  const cut = read.truncated > 0 ? ` (its last ${read.truncated} tokens were not read)` : ''
  return `${(100 * share).toFixed(1).padStart(5)} %  ${name}  [${words.join(', ')}]  ${read.text}${cut}`
}

async function writeReport(path: string, folder: string, read: readonly ReadText[]): Promise<void> {
  const page = renderReport({
    title: 'wgrad: texts',
    headline: `${read.length} ${read.length === 1 ? 'text' : 'texts'} read`,
    subline: `By the model in ${folder}. Colours say how much a word speaks for (green) or against (red) the class.`,
    facts: [['texts', String(read.length)]],
    sections: read.map(textSection),
  })
  await writeOutput(path, page)
  console.log(`Report: ${path}`)
}
