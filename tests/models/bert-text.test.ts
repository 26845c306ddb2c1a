import { Tokenizer } from '@huggingface/tokenizers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { random } from '../../src/data/index.ts'
import { type Device, manualSeed, noGrad, openDevice, tensor } from '../../src/index.ts'
import { type TensorToWrite, writeSafetensors } from '../../src/io/index.ts'
import {
  type BertConfigFile,
  BertForMaskedLM,
  BertForSequenceClassification,
  BertModel,
  BertTokenizer,
  bertGroups,
  dropWords,
  groupByLength,
  ignoredTarget,
  loadBertWeights,
  maskTokens,
  readLabelledTexts,
  TextDataset,
  tokenAttributions,
  wordPieceJson,
  wordVocabulary,
} from '../../src/models/index.ts'

let device: Device
beforeAll(async () => {
  device = await openDevice()
})
afterAll(() => device.close())

const vocabulary = [
  '[PAD]',
  '[UNK]',
  '[CLS]',
  '[SEP]',
  '[MASK]',
  'a',
  'film',
  '##s',
  'great',
  '!',
  'caf',
  '##e',
  'dull',
]
const config: BertConfigFile = {
  vocab_size: vocabulary.length,
  hidden_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 24,
  max_position_embeddings: 12,
  initializer_range: 0.3,
}

function tokenizer(maxLength = 12): BertTokenizer {
  return new BertTokenizer(new Tokenizer(wordPieceJson(vocabulary.join('\n')), {}), { maxLength })
}

describe('texts', () => {
  test('become tokens with the place of their words', () => {
    const { ids, tokens, offsets, truncated } = tokenizer().encode('Great  FILMS! Café xyz')
    expect(tokens).toEqual(['[CLS]', 'great', 'film', '##s', '!', 'caf', '##e', '[UNK]', '[SEP]'])
    expect(ids).toEqual([2, 8, 6, 7, 9, 10, 11, 1, 3])
    expect(offsets.slice(1, -1)).toEqual([
      [0, 5],
      [7, 13],
      [7, 13],
      [7, 13],
      [14, 18],
      [14, 18],
      [19, 22],
    ])
    expect(truncated).toBe(0)
  })

  test('that are too long are cut, and say by how much', () => {
    const { ids, truncated } = tokenizer(5).encode('a great film ! !')
    expect(ids).toEqual([2, 5, 8, 6, 3])
    expect(truncated).toBe(2)
  })

  test('that are empty are refused, and so are vocabularies of another kind', () => {
    expect(() => tokenizer().encode(' \n')).toThrow('BertTokenizer: the text " \\n" has no words; give at least one')
    expect(() => wordPieceJson(['a', 'b'])).toThrow(
      'wordPieceJson: [PAD], [UNK], [CLS], [SEP] are not among the 2 tokens; a vocab.txt of BERT has one token a line, these among them',
    )
  })

  test('give a vocabulary of their words', () => {
    expect(wordVocabulary(['A fine, fine film', "a film isn't fine"]).slice(5)).toEqual(['fine', 'a', 'film'])
    expect(wordVocabulary(['Café'], { minCount: 1 }).slice(5)).toEqual(['cafe'])
  })

  test('come from lines with tabs', () => {
    expect(readLabelledTexts('sentence\tlabel\nso "good"\t1\r\nbad\tand\t0\n\n')).toEqual({
      texts: ['so "good"', 'bad\tand'],
      labels: [1, 0],
      classes: ['0', '1'],
    })
    const refusals: [string, string][] = [
      ['good\t1\nbad', 'line 2 of the file has no tab: "bad"; write a text, a tab and its class'],
      ['good\t1\n \t0', 'line 2 of the file has no text; write a text, a tab and its class'],
      ['good\t1\nfine\t1', 'the file has 2 texts, all of class 1; texts of at least two classes are needed'],
      ['', 'the file has 0 texts, all of class none; texts of at least two classes are needed'],
      [
        Array.from({ length: 12 }, (_, i) => `${i % 2}\ttext ${i}`).join('\n'),
        'the file has 12 classes in 12 lines; write the text first, then a tab and its class',
      ],
      ['a\0\t\x001\0', 'the file holds zero bytes, as UTF-16 has them; save it as UTF-8'],
    ]
    for (const [tsv, message] of refusals) expect(() => readLabelledTexts(tsv)).toThrow(message)
    expect(() => readLabelledTexts('x\t2', { classes: ['0', '1'] })).toThrow(
      'readLabelledTexts: the file has the class 2; the classes are 0, 1',
    )
  })
})

describe('batches', () => {
  const texts = Array.from({ length: 50 }, (_, i) => Array.from({ length: 3 + (i % 9) }, (_, k) => 5 + k))
  const data = new TextDataset(
    texts,
    texts.map((_, i) => i % 2),
    { multipleOf: 4, maxLength: 10 },
  )

  test('are as long as their texts', () => {
    const { ids, lengths, y } = data.batch(Uint32Array.of(0, 1))
    expect(ids.shape).toEqual([2, 4])
    expect(Array.from(ids.data)).toEqual([5, 6, 7, 0, 5, 6, 7, 8])
    expect(Array.from(lengths.data)).toEqual([3, 4])
    expect(Array.from(y.data)).toEqual([0, 1])
    // Rounding up stops at the longest that the model takes.
    expect(data.batch(Uint32Array.of(6)).ids.shape).toEqual([1, 10])
    expect(data.batch(Uint32Array.of(8)).ids.shape).toEqual([1, 11])
  })

  test('hold texts of similar length, and an epoch each text once', () => {
    const order = groupByLength(data.lengths, 8).order(random(3))
    expect([...order].sort((a, b) => a - b)).toEqual(texts.map((_, i) => i))
    for (let at = 0; at < 48; at += 8) {
      const own = [...order.subarray(at, at + 8)].map((i) => data.lengths[i] as number)
      expect(Math.max(...own) - Math.min(...own)).toBeLessThanOrEqual(2)
    }
    expect(groupByLength(data.lengths, 8).order(random(4))).not.toEqual(order)
  })

  test('hide what a masked language model is to tell', async () => {
    const options = { maskId: 4, firstWord: 5, vocabSize: 40, share: 0.25 }
    const rows = 400
    const ids = Int32Array.from({ length: rows * 8 }, (_, i) => [2, 10, 11, 12, 13, 14, 3, 0][i % 8] as number)
    const host = (
      values: Int32Array<ArrayBuffer>,
      shape: number[],
    ): { data: typeof values; shape: number[]; dtype: 'i32' } => ({
      data: values,
      shape,
      dtype: 'i32',
    })
    const batch = { ids: host(ids, [rows, 8]), lengths: host(new Int32Array(rows).fill(7), [rows]) }
    const context = {
      indices: new Uint32Array(rows),
      epoch: 0,
      random: random(1),
      signal: new AbortController().signal,
    }
    const made = await maskTokens(options)(batch, context)
    expect(made.positions.shape).toEqual([rows, 2])
    let [masks, others, kept] = [0, 0, 0]
    for (let row = 0; row < rows; row++) {
      const targets = Array.from(made.y.data.subarray(2 * row, 2 * row + 2))
      expect(targets[1]).toBe(ignoredTarget)
      const at = made.positions.data[2 * row] as number
      expect(at).toBeGreaterThanOrEqual(1)
      expect(at).toBeLessThanOrEqual(5)
      expect(targets[0]).toBe(9 + at)
      const now = made.ids.data[8 * row + at]
      if (now === 4) masks++
      else if (now === targets[0]) kept++
      else others++
      for (let i = 0; i < 8; i++) if (i !== at) expect(made.ids.data[8 * row + i]).toBe(ids[i])
    }
    expect(Math.abs(masks - 320)).toBeLessThan(35)
    expect(Math.abs(others - 40)).toBeLessThan(25)
    expect(Math.abs(kept - 40)).toBeLessThan(25)
    expect(batch.ids.data).toEqual(ids)

    const dropped = await dropWords({ maskId: 4, firstWord: 5, share: 0.3 })(batch, context)
    const gone = Array.from(dropped.ids.data).filter((id) => id === 4).length
    expect(Math.abs(gone - 600)).toBeLessThan(80)
    expect(Array.from(dropped.ids.data.subarray(0, 8)).filter((_, i) => i === 0 || i > 5)).toEqual([2, 3, 0])
  })
})

test('groups have the rates of their layers, and biases do not decay', () => {
  const model = new BertForSequenceClassification(config)
  const groups = bertGroups(model, { lr: 1, weightDecay: 0.1, layerDecay: 0.5 })
  expect(groups.map(({ lr, weightDecay }) => [lr, weightDecay])).toEqual([
    ...[1, 0.5, 0.25, 0.125].flatMap((lr) => [
      [lr, 0.1],
      [lr, 0],
    ]),
  ])
  expect(new Set(groups.flatMap(({ params }) => params)).size).toBe(model.parameters().length)
  expect(groups.at(-2)?.params).toContain(model.bert.embeddings.wordEmbeddings.weight)
  expect(groups[0]?.params).toContain(model.classifier.weight)
  model.bert.embeddings.requiresGrad_(false)
  expect(bertGroups(model, { lr: 1 })).toHaveLength(2)
})

describe('published weights', () => {
  /** A file as the world has them: the names of a model, changed by `rename`, where that gives one. */
  async function fileOf(
    model: BertModel | BertForMaskedLM | BertForSequenceClassification,
    rename: (key: string) => string | null = (key) => key,
  ): Promise<Uint8Array> {
    const state: Record<string, TensorToWrite> = {}
    for (const [key, { shape, data }] of Object.entries(await model.stateDict())) {
      const name = rename(key)
      if (name !== null) state[name] = { shape, data }
    }
    return writeSafetensors(state)
  }
  const old = (key: string): string =>
    key.replace(/LayerNorm\.weight$/, 'LayerNorm.gamma').replace(/LayerNorm\.bias$/, 'LayerNorm.beta')

  test('load with old names, with and without the first part of the keys, and with another head', async () => {
    manualSeed(1)
    const source = new BertForMaskedLM(config)
    const wanted = await source.stateDict()
    const untied = await fileOf(source, (key) => (key.startsWith('cls.predictions.decoder.') ? null : old(key)))
    const again = new BertForMaskedLM(config)
    const progress: number[] = []
    expect(await loadBertWeights(again, untied, { onProgress: (read, total) => progress.push(read / total) })).toEqual({
      missing: [],
      unused: [],
    })
    expect(progress.at(-1)).toBe(1)
    expect(await again.stateDict()).toEqual(wanted)

    const classifier = new BertForSequenceClassification(config)
    const found = await loadBertWeights(classifier, untied)
    expect(found.missing).toEqual([
      'bert.pooler.dense.weight',
      'bert.pooler.dense.bias',
      'classifier.weight',
      'classifier.bias',
    ])
    expect(found.unused).toHaveLength(5)
    const encoder = new BertModel(config)
    await loadBertWeights(encoder, await fileOf(classifier))
    const bare = await fileOf(encoder)
    const last = new BertForSequenceClassification(config)
    expect((await loadBertWeights(last, bare)).missing).toEqual(['classifier.weight', 'classifier.bias'])
    const [a, b] = [await classifier.stateDict(), await last.stateDict()]
    for (const key of Object.keys(a)) if (key.startsWith('bert.')) expect(b[key], key).toEqual(a[key])
  })

  test('of another architecture are refused, and nothing is lost', async () => {
    manualSeed(2)
    const model = new BertForSequenceClassification(config)
    const before = await model.stateDict()
    const right = 'load weights of the same architecture, with the config.json beside them'
    const refusals: [Uint8Array, string][] = [
      [
        writeSafetensors({ 'layer1.0.conv1.weight': { shape: [1], data: [0] } }),
        `loadBertWeights: the file has no bert.embeddings.word_embeddings.weight, bert.embeddings.position_embeddings.weight, bert.embeddings.token_type_embeddings.weight, bert.embeddings.LayerNorm.weight and 33 more; it has layer1.0.conv1.weight; ${right}`,
      ],
      [
        await fileOf(new BertModel({ ...config, num_hidden_layers: 3 })),
        'loadBertWeights: the model has no place for encoder.layer.2.attention.output.LayerNorm.bias',
      ],
      [
        await fileOf(new BertForSequenceClassification({ ...config, num_labels: 3 })),
        "loadBertWeights: classifier.weight is [3, 16], the model's is [2, 16], classifier.bias is [3], the model's is [2]",
      ],
    ]
    for (const [file, message] of refusals) await expect(loadBertWeights(model, file)).rejects.toThrow(message)
    expect(await model.stateDict()).toEqual(before)
  })
})

test('attributions add up to what the text changes', async () => {
  manualSeed(3)
  const model = new BertForSequenceClassification({ ...config, num_labels: 3 }).eval()
  const inputIds = tensor(Int32Array.of(2, 8, 6, 7, 3, 0), { shape: [1, 6] })
  const attentionMask = tensor(Int32Array.of(5), { shape: [1] })
  const inputs = { inputIds, attentionMask }
  const logOdds = async (logits: ArrayLike<number>): Promise<number> =>
    (logits[1] as number) - Math.log(Math.exp(logits[0] as number) + Math.exp(logits[2] as number))
  const whole = await logOdds(await noGrad(() => model.run(inputs).logits).data())
  const inputsEmbeds = tensor(new Float32Array(6 * 16), { shape: [1, 6, 16] })
  const none = await logOdds(await noGrad(() => model.run({ inputsEmbeds, attentionMask }).logits).data())
  const each = await tokenAttributions(model, inputs, { target: 1, steps: 64 }).data()
  expect(Math.abs(whole - none)).toBeGreaterThan(0.1)
  expect(Array.from(each).reduce((a, b) => a + b, 0)).toBeCloseTo(whole - none, 2)
  expect(each[5]).toBe(0)
  const asTensor = await tokenAttributions(model, inputs, {
    target: tensor(Int32Array.of(1), { shape: [] }),
    steps: 64,
  }).data()
  expect(Array.from(asTensor)).toEqual(Array.from(each))
  model.bert.embeddings.requiresGrad_(false)
  expect(() => tokenAttributions(model, inputs, { target: 1 })).toThrow(
    'tokenAttributions: the embeddings are frozen; let them train: model.bert.embeddings.requiresGrad_()',
  )
})
