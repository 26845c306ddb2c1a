import type { Report } from '../report/report.ts'
import type { BertData, TrainedBert } from './bert-task.ts'
import type { Curve } from './common/curve.ts'

/** What a training from a seed came to. */
export interface SeedResult extends Pick<TrainedBert, 'history' | 'best'> {
  readonly seed: number
  readonly curve: Curve
}

/** The page about trainings of a classifier of texts; `text` is what they came to. */
export function bertReport(text: string, data: BertData, results: readonly SeedResult[]): Report {
  const rows = results.flatMap(({ seed, history }) =>
    history.epochs.map(({ epoch, loss, valLoss, accuracy }) => [
      String(seed),
      String(epoch),
      ...[loss, valLoss, accuracy].map((value) => (value ?? Number.NaN).toFixed(4)),
    ]),
  )
  const [first] = results
  return {
    title: 'wgrad: BERT',
    headline: text,
    subline: `BERT with ${data.config.num_hidden_layers} layers of ${data.config.hidden_size} features, trained on ${data.train.length} texts and measured on ${data.dev.length}.`,
    facts: [['texts', String(data.train.length)]],
    sections: [
      {
        title: 'Loss of the first seed',
        chart: {
          label: 'Loss by step',
          x: { name: 'step', values: first?.curve.steps ?? [] },
          series: [{ name: 'loss', values: first?.curve.losses ?? [], color: 'accent', points: true }],
        },
      },
      {
        title: 'Epochs',
        table: { head: ['seed', 'epoch', 'loss', 'loss on the others', 'accuracy on the others'], rows },
      },
    ],
  }
}
