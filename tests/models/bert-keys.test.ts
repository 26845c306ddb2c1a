import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type Device,
  grad,
  manualSeed,
  noGrad,
  openDevice,
  readAll,
  square,
  sum,
  type Tensor,
  tensor,
} from '../../src/index.ts'
import {
  type BertConfigFile,
  BertForMaskedLM,
  BertForSequenceClassification,
  BertModel,
  bertConfig,
} from '../../src/models/index.ts'

let device: Device
beforeAll(async () => {
  device = await openDevice()
})
afterAll(() => device.close())

/** The keys and shapes of a linear layer or a LayerNorm. */
const pair = (name: string, shape: readonly number[]): [string, readonly number[]][] => [
  [`${name}.weight`, shape],
  [`${name}.bias`, shape.slice(0, 1)],
]

/** The keys of `BertModel` in transformers 4, as its `state_dict()` lists them. */
function encoderKeys(sizes: {
  vocab: number
  hidden: number
  layers: number
  inner: number
  positions: number
}): [string, readonly number[]][] {
  const { vocab, hidden, layers, inner, positions } = sizes
  const keys: [string, readonly number[]][] = [
    ['embeddings.word_embeddings.weight', [vocab, hidden]],
    ['embeddings.position_embeddings.weight', [positions, hidden]],
    ['embeddings.token_type_embeddings.weight', [2, hidden]],
    ...pair('embeddings.LayerNorm', [hidden]),
  ]
  for (let i = 0; i < layers; i++) {
    const layer = `encoder.layer.${i}`
    for (const part of ['query', 'key', 'value'])
      keys.push(...pair(`${layer}.attention.self.${part}`, [hidden, hidden]))
    keys.push(...pair(`${layer}.attention.output.dense`, [hidden, hidden]))
    keys.push(...pair(`${layer}.attention.output.LayerNorm`, [hidden]))
    keys.push(...pair(`${layer}.intermediate.dense`, [inner, hidden]))
    keys.push(...pair(`${layer}.output.dense`, [hidden, inner]))
    keys.push(...pair(`${layer}.output.LayerNorm`, [hidden]))
  }
  return keys
}

const pooler = (hidden: number): [string, readonly number[]][] => pair('pooler.dense', [hidden, hidden])
const base = { vocab: 30522, hidden: 768, layers: 12, inner: 3072, positions: 512 }
const small = { vocab: 99, hidden: 16, layers: 2, inner: 24, positions: 20 }
const config: BertConfigFile = {
  vocab_size: 99,
  hidden_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  intermediate_size: 24,
  max_position_embeddings: 20,
}

describe('the keys of Hugging Face', () => {
  test('are those of BertModel, BERT-base unless a config is given', () => {
    const wanted = [...encoderKeys(base), ...pooler(768)]
    expect(wanted).toHaveLength(199)
    const model = new BertModel()
    expect(model.namedParameters().map(([key, p]) => [key, p.shape])).toEqual(wanted)
    expect(model.parameters().reduce((sum, { size }) => sum + size, 0)).toBe(109_482_240)
  })

  test('are those of a classifier', async () => {
    const state = await new BertForSequenceClassification({ ...config, num_labels: 3 }).stateDict()
    const wanted = [...encoderKeys(small), ...pooler(16)].map(([key, shape]) => [`bert.${key}`, shape])
    expect(Object.entries(state).map(([key, { shape }]) => [key, shape])).toEqual([
      ...wanted,
      ...pair('classifier', [3, 16]),
    ])
  })

  test('are those of a masked language model, whose decoder is tied', async () => {
    const model = new BertForMaskedLM(config)
    const state = await model.stateDict()
    expect(Object.entries(state).map(([key, { shape }]) => [key, shape])).toEqual([
      ...encoderKeys(small).map(([key, shape]) => [`bert.${key}`, shape]),
      ['cls.predictions.bias', [99]],
      ...pair('cls.predictions.transform.dense', [16, 16]),
      ...pair('cls.predictions.transform.LayerNorm', [16]),
      ...pair('cls.predictions.decoder', [99, 16]),
    ])
    expect(state['cls.predictions.decoder.weight']?.data).toEqual(state['bert.embeddings.word_embeddings.weight']?.data)
    const names = model.namedParameters().map(([key]) => key)
    expect(names).not.toContain('cls.predictions.decoder.weight')
    expect(new Set(names).size).toBe(names.length)
  })
})

describe('a new model', () => {
  test('starts as BERT does', async () => {
    const state = await new BertForSequenceClassification({ ...config, initializer_range: 0.1 }).stateDict()
    for (const [key, { data }] of Object.entries(state)) {
      const values = Array.from(data)
      if (key.endsWith('bias'))
        expect(
          values.every((v) => v === 0),
          key,
        ).toBe(true)
      else if (key.endsWith('LayerNorm.weight'))
        expect(
          values.every((v) => v === 1),
          key,
        ).toBe(true)
      else if (values.length > 300) {
        const deviation = Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length)
        expect(Math.abs(deviation - 0.1), key).toBeLessThan(0.02)
      }
    }
    const words = state['bert.embeddings.word_embeddings.weight']?.data ?? []
    expect(Array.from(words.slice(0, 16)).every((v) => v === 0)).toBe(true)
  })

  test('takes padding for nothing, in each form that a mask has', async () => {
    const model = new BertModel(config).eval()
    const ids = tensor(Int32Array.of(5, 6, 7, 0, 0, 8, 9, 10, 11, 12), { shape: [2, 5] })
    const others = tensor(Int32Array.of(5, 6, 7, 31, 32, 8, 9, 10, 11, 12), { shape: [2, 5] })
    const flags = tensor(Int32Array.of(1, 1, 1, 0, 0, 1, 1, 1, 1, 1), { shape: [2, 5] })
    const lengths = tensor(Int32Array.of(3, 5), { shape: [2] })
    const seen = async (tokens: typeof ids, mask: typeof ids): Promise<number[]> => {
      const hidden = await noGrad(() => model.forward(tokens, mask)).data()
      return [...hidden.slice(0, 48), ...hidden.slice(80)]
    }
    const wanted = await seen(ids, flags)
    expect(await seen(others, flags)).toEqual(wanted)
    const byLengths = await seen(others, lengths)
    const byBool = await seen(others, flags.greater(0))
    wanted.forEach((value, i) => {
      expect(Math.abs((byLengths[i] as number) - value)).toBeLessThan(1e-5)
      expect(byBool[i]).toBe(value)
    })
  })

  test('gives out its attention, which is that of the fused path', async () => {
    const model = new BertModel(config).eval()
    const inputIds = tensor(Int32Array.of(5, 6, 7, 0, 8, 9, 10, 11), { shape: [2, 4] })
    const attentionMask = tensor(Int32Array.of(3, 4), { shape: [2] })
    const { attentions, lastHiddenState } = noGrad(() =>
      model.run({ inputIds, attentionMask }, { outputAttentions: true }),
    )
    expect(attentions.map(({ shape }) => shape)).toEqual([
      [2, 4, 4, 4],
      [2, 4, 4, 4],
    ])
    for (const each of attentions) {
      const weights = await each.data()
      for (let row = 0; row < 32; row++) {
        const own = Array.from(weights.slice(4 * row, 4 * row + 4))
        expect(own.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5)
        if (row < 16) expect(own[3]).toBe(0)
      }
    }
    const fused = await noGrad(() => model.forward(inputIds, attentionMask)).data()
    const stored = await lastHiddenState.data()
    fused.forEach((value, i) => {
      expect(Math.abs(value - (stored[i] as number))).toBeLessThan(1e-4)
    })
  })

  test('has the same gradients where its layers are computed again, under dropout too', async () => {
    manualSeed(5)
    const model = new BertModel(config)
    const ids = tensor(Int32Array.of(5, 6, 7, 8, 9, 10), { shape: [2, 3] })
    const gradients = async (recompute: boolean): Promise<number[][]> => {
      model.encoder.recompute = recompute
      manualSeed(6)
      const { poolerOutput } = model.run({ inputIds: ids })
      const loss = sum(square(poolerOutput as Tensor))
      return (await readAll(grad(loss, model.parameters()))).map((each) => Array.from(each))
    }
    expect(await gradients(true)).toEqual(await gradients(false))
  })

  test('refuses configs and inputs that it is not made for', () => {
    expect(() => bertConfig({ model_type: 'roberta' })).toThrow(
      'bertConfig: model_type is roberta; a BERT encoder with absolute positions can be built',
    )
    expect(() => bertConfig({ hidden_size: 10, num_attention_heads: 3 })).toThrow(
      'bertConfig: hidden_size is 10 and num_attention_heads is 3; the first must be a multiple of the second',
    )
    expect(bertConfig({ id2label: { 0: 'a', 1: 'b', 2: 'c' } }).num_labels).toBe(3)
    const model = new BertModel(config)
    const long = tensor(new Int32Array(21), { shape: [1, 21] })
    expect(() => model.forward(long)).toThrow(
      'BertModel: a sequence of 21 tokens; the model has 20 positions; cut the text',
    )
    const ids = tensor(new Int32Array(6), { shape: [2, 3] })
    expect(() => model.forward(ids, tensor(new Int32Array(3), { shape: [3] }))).toThrow(
      'BertModel: attentionMask is i32 [3]; it must be i32 or bool [2, 3], or lengths, i32 [2]',
    )
    expect(() => model.run({})).toThrow('BertModel: no inputIds are given; give one of the two')
  })
})
