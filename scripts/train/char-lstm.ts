import { Command } from 'commander'
import { DataLoader, random } from '../../src/data/index.ts'
import { crossEntropy, manualSeed, type Tensor } from '../../src/index.ts'
import { openDevice } from '../../src/node.ts'
import { Adam, clipNorm } from '../../src/optim/index.ts'
import { evaluate, fit } from '../../src/train/index.ts'
import { CharModel, sampler } from './char-model.ts'
import { positive, whole } from './common/options.ts'
import { TrainProgress } from './common/progress.ts'
import { readNamed } from './common/read-named.ts'
import { drawn, readText, TextWindows } from './text.ts'

interface CharOptions {
  data: string
  steps: number
  seed: number
  sampleEvery: number
  atMost?: number
}

const embedding = 64
const hidden = 128
const window = 64
const batchSize = 32
const lr = 3e-3
const sampleLength = 200

/** `char-lstm`: an LSTM that guesses the next character of a text. */
export function charLstmCommand(): Command {
  return new Command('char-lstm')
    .description('Trains an LSTM on a text, character by character, and shows what it writes.')
    .requiredOption('--data <file>', 'a text file; its last tenth is kept to test with')
    .option('--steps <n>', 'steps of 32 windows of 64 characters', whole(1), 1000)
    .option('--seed <n>', 'of weights, windows and samples', whole(0), 0)
    .option('--sample-every <n>', 'steps between samples', whole(1), 200)
    .option('--at-most <bits>', 'fails where the test takes more bits per character', positive)
    .action(charLstm)
}

async function charLstm({ data, steps, seed, sampleEvery, atMost }: CharOptions): Promise<void> {
  const file = await readNamed('char-lstm', data, '--data names a text file')
  const { characters, ids } = readText(file.toString())
  const split = Math.floor(0.9 * ids.length)
  const training = new TextWindows(ids.subarray(0, split), window, 1)
  const unseen = new TextWindows(ids.subarray(split), window, window)
  const progress = new TrainProgress(steps)
  const device = await openDevice()
  const started = performance.now()
  try {
    progress.line(`Text: ${ids.length} characters, ${characters.length} of them different`)
    progress.line(`Adapter: ${device.info.description}${device.info.software ? ' (software)' : ''} in Node`)
    manualSeed(seed, device)
    const model = new CharModel(characters.length, embedding, hidden)
    const sample = sampler(model)
    const { uniform } = random(seed)
    const optimizer = new Adam(model.parameters(), { lr })
    optimizer.clip = clipNorm(1)
    const loss = (output: Tensor, { y }: { readonly y: Tensor }): Tensor => crossEntropy(output, y)
    // An epoch is what comes between two samples.
    const epoch = drawn(training.length, Math.min(sampleEvery, steps) * batchSize)
    await fit(model, new DataLoader(training, { batchSize, seed, sampler: epoch }), {
      loss,
      optimizer,
      steps,
      callbacks: [
        progress.training('char-lstm'),
        {
          onEpochEnd: async ({ step, loss: nats }) => {
            const written = await sample([ids[split] as number], sampleLength, uniform)
            const text = written.map((id) => characters[id]).join('')
            progress.line(`\nAfter ${step} steps, ${bits(nats).toFixed(3)} bits per character:\n${text}`)
          },
        },
      ],
    })
    const tested = await evaluate(model, new DataLoader(unseen, { batchSize: 64 }), { loss })
    const reached = bits(tested.loss as number)
    progress.line(`\nTest: ${reached.toFixed(4)} bits per character after ${steps} steps; PyTorch 2.556 after 1000`)
    progress.line(`Done in ${((performance.now() - started) / 1000).toFixed(0)} s`)
    if (atMost !== undefined && !(reached <= atMost))
      throw new Error(`char-lstm: ${reached.toFixed(4)} bits per character; at most ${atMost} was asked for`)
  } finally {
    progress.stop()
    device.close()
  }
}

function bits(nats: number): number {
  return nats / Math.LN2
}
