import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bertCommand } from '../../scripts/train/bert.ts'
import { withClasses } from '../../scripts/train/bert-config.ts'
import { loadClassifier, openBertFolder, tokenizerOf, writeBertFolder } from '../../scripts/train/bert-folder.ts'
import { bertReport } from '../../scripts/train/bert-report.ts'
import { type BertTraining, bertData, trainBert } from '../../scripts/train/bert-task.ts'
import { Curve } from '../../scripts/train/common/curve.ts'
import { type Device, noGrad, openDevice, tensor } from '../../src/index.ts'
import { type BertConfigFile, readLabelledTexts, wordPieceJson, wordVocabulary } from '../../src/models/index.ts'

let device: Device
let folder: string
beforeAll(async () => {
  device = await openDevice()
  folder = await mkdtemp(join(tmpdir(), 'wgrad-bert-'))
})
afterAll(async () => {
  device.close()
  await rm(folder, { recursive: true })
})

/** Lines whose class follows from one word. */
function lines(count: number): string {
  const things = ['film', 'plot', 'music', 'end']
  const line = (i: number): string =>
    `the ${things[i % 4]} was ${i % 3 === 0 ? 'good' : 'bad'}\t${i % 3 === 0 ? 'praise' : 'blame'}`
  return Array.from({ length: count }, (_, i) => line(i)).join('\n')
}

const how: BertTraining = {
  ...{ batchSize: 8, epochs: 10, pretrain: 1, accumulate: 1, wordDropout: 0.1 },
  ...{ lr: 0.02, warmup: 0.2, weightDecay: 0.01, layerDecay: 0.9, clip: 1 },
}

test('BERT learns classes of texts, and a folder keeps it as others read it', async () => {
  const texts = readLabelledTexts(lines(60))
  const tokenizerJson = wordPieceJson(wordVocabulary(texts.texts))
  const config: BertConfigFile = {
    ...{ vocab_size: 12, hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 32 },
    ...{
      max_position_embeddings: 8,
      hidden_dropout_prob: 0,
      initializer_range: 0.1,
      num_labels: 2,
      id2label: { 0: 'blame', 1: 'praise' },
    },
  }
  const data = bertData(tokenizerOf(tokenizerJson, 8), config, texts, readLabelledTexts(lines(24)))
  expect(data.truncated).toBe(0)
  const stages: string[] = []
  const { model, best, history } = await trainBert(data, how, {
    seed: 1,
    parts: (stage) => {
      stages.push(stage)
      return { callbacks: [], curve: new Curve() }
    },
  })
  expect(stages).toEqual(['pretrain', 'train'])
  expect(history.epochs).toHaveLength(10)
  expect(best.value).toBe(1)
  // The rate rises, falls, and is lower in the layers below.
  const rates = history.epochs.map(({ lr }) => lr)
  expect(Math.max(...rates)).toBeLessThanOrEqual(0.02)
  expect(rates.at(-1)).toBeLessThan(rates[1] as number)

  const { sections } = bertReport('', data, [{ seed: 7, history, best, curve: new Curve() }])
  expect(sections.at(-1)?.table?.rows.map(([seed, epoch]) => `${seed} ${epoch}`)).toEqual(
    history.epochs.map(({ epoch }) => `7 ${epoch}`),
  )

  await writeBertFolder(folder, { config, tokenizerJson }, await model.stateDict())
  const files = ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json']
  expect((await readdir(folder)).sort()).toEqual(files)
  expect(JSON.parse(await readFile(join(folder, 'tokenizer_config.json'), 'utf8'))).toEqual({
    ...{ tokenizer_class: 'BertTokenizer', do_lower_case: true, model_max_length: 8 },
  })
  const loaded = await loadClassifier(folder)
  expect(loaded.classes).toEqual(['blame', 'praise'])
  const { ids } = loaded.tokenizer.encode('The music was good')
  const inputIds = tensor(Int32Array.from(ids), { shape: [1, ids.length] })
  const [mine, theirs] = await Promise.all(
    [model.eval(), loaded.model].map((each) => noGrad(() => each.forward(inputIds)).data()),
  )
  expect(theirs).toEqual(mine)
  expect((theirs?.[1] ?? 0) - (theirs?.[0] ?? 0)).toBeGreaterThan(0)
})

test('classes take the place of those of before', () => {
  const published = { hidden_size: 8, id2label: { 0: 'a' }, label2id: { a: 0 }, num_labels: 1 }
  expect(withClasses(published, ['bad', 'good'])).toEqual({
    ...{ hidden_size: 8, id2label: { 0: 'bad', 1: 'good' }, label2id: { bad: 0, good: 1 }, num_labels: 2 },
  })
})

test.each([
  [{ do_lower_case: false }, ['[CLS]', 'A', '[SEP]']],
  [{ do_lower_case: true }, ['[CLS]', 'a', '[SEP]']],
  [null, ['[CLS]', 'a', '[SEP]']],
])('a vocabulary alone is read in the case of its tokenizer_config.json: %j', async (told, tokens) => {
  const other = await mkdtemp(join(folder, 'vocabulary-'))
  await writeFile(join(other, 'config.json'), '{}')
  await writeFile(join(other, 'model.safetensors'), '')
  await writeFile(join(other, 'vocab.txt'), '[PAD]\n[UNK]\n[CLS]\n[SEP]\na\nA\n')
  if (told) await writeFile(join(other, 'tokenizer_config.json'), JSON.stringify(told))
  const { tokenizerJson } = await openBertFolder(other)
  expect(tokenizerOf(tokenizerJson, 8).encode('A').tokens).toEqual(tokens)
})

test('a model of few positions reads as many tokens, unless more are asked for', async () => {
  const [model, texts] = [join(folder, 'short'), join(folder, 'texts.tsv')]
  const tokenizerJson = wordPieceJson(wordVocabulary([]))
  await writeBertFolder(model, { config: { max_position_embeddings: 16 }, tokenizerJson }, {})
  await writeFile(texts, lines(6))
  // The last of what is checked before a device is opened.
  const train = (...flags: string[]): Promise<unknown> =>
    bertCommand().parseAsync(['--data', texts, '--dev', texts, '--model', model, '--resume', ...flags], {
      from: 'user',
    })
  await expect(train()).rejects.toThrow('bert: --resume is given without --checkpoint')
  await expect(train('--max-length', '17')).rejects.toThrow('bert: --max-length is 17; the model has 16 positions')
})

test('texts to measure on are asked for before the training', async () => {
  const [texts, none] = [join(folder, 'texts.tsv'), join(folder, 'none.tsv')]
  await writeFile(texts, lines(6))
  await writeFile(none, 'sentence\tlabel\n')
  const train = bertCommand().parseAsync(['--data', texts, '--dev', none], { from: 'user' })
  await expect(train).rejects.toThrow(`bert: --dev ${none} has 0 texts, and --data 6; give texts to measure on`)
})

test('a trained model is not kept where it began', async () => {
  const from = join(folder, 'from')
  await mkdir(from)
  await symlink(from, join(folder, 'link'))
  const train = (save: string): Promise<unknown> =>
    bertCommand().parseAsync(['--data', 'none', '--dev', 'none', '--model', from, '--save', save], { from: 'user' })
  for (const same of [from, `${from}/../from`, join(folder, 'link')])
    await expect(train(same)).rejects.toThrow(
      `bert: --save ${same} is the folder of --model, which trainings begin with; name another folder`,
    )
  await expect(train(join(folder, 'to', 'here'))).rejects.toThrow('from/config.json cannot be read')
  expect(await readdir(join(folder, 'to', 'here'))).toEqual([])
})

test('a folder without its files is refused', async () => {
  await expect(openBertFolder(join(folder, 'none'))).rejects.toThrow(
    /none\/config.json cannot be read .* a model is a folder with config.json, tokenizer.json or vocab.txt, and model.safetensors/,
  )
  const other = await mkdtemp(join(folder, 'other-'))
  await writeFile(join(other, 'config.json'), '{ "model_type"')
  await expect(openBertFolder(other)).rejects.toThrow(/config.json is no JSON/)
})
