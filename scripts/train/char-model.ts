import { compile, noGrad, type Tensor, tensor } from '../../src/index.ts'
import { Embedding, Linear, LSTM, Module } from '../../src/nn/index.ts'

/** Guesses the next character: an embedding, an LSTM and a classifier over the characters. */
export class CharModel extends Module {
  readonly embedding: Embedding
  readonly lstm: LSTM
  readonly head: Linear

  constructor(characters: number, embedding: number, hidden: number) {
    super()
    this.embedding = new Embedding(characters, embedding)
    this.lstm = new LSTM(embedding, hidden)
    this.head = new Linear(hidden, characters)
  }

  /** Shape: ids [B, T] -> logits [B, T, characters]. */
  override forward(ids: Tensor): Tensor {
    return this.head.forward(this.lstm.forward(this.embedding.forward(ids)))
  }

  /** One step further: ids [1, 1] and the states [1, 1, hidden] -> the logits [1, 1, characters] and the next states. */
  next(ids: Tensor, h: Tensor, c: Tensor): { logits: Tensor; h: Tensor; c: Tensor } {
    const { output, h: nextH, c: nextC } = this.lstm.run(this.embedding.forward(ids), { h, c })
    return { logits: this.head.forward(output), h: nextH, c: nextC as Tensor }
  }
}

/**
 * What the model goes on with after `start`, ids of characters, drawn one by one; `uniform` gives numbers from 0 to 1. The plan for a step
 * is made once.
 */
export function sampler(
  model: CharModel,
): (start: readonly number[], count: number, uniform: () => number) => Promise<number[]> {
  const step = compile((ids: Tensor, h: Tensor, c: Tensor) => noGrad(() => model.next(ids, h, c)))
  return async (start, count, uniform) => {
    const hidden = model.lstm.hiddenSize
    const zeros = (): Tensor => tensor(new Float32Array(hidden), { shape: [1, 1, hidden] })
    let state = { h: zeros(), c: zeros() }
    const ids: number[] = []
    let logits: Tensor | null = null
    const feed = (id: number): void => {
      const made = step(tensor(Int32Array.of(id), { shape: [1, 1] }), state.h, state.c)
      logits = made.logits
      state = { h: made.h, c: made.c }
    }
    for (const id of start) feed(id)
    for (let i = 0; i < count; i++) {
      const id = draw(await (logits as unknown as Tensor).data(), uniform())
      ids.push(id)
      feed(id)
    }
    return ids
  }
}

/** The place in the distribution softmax(logits) up to which the share is `u`. */
function draw(logits: ArrayLike<number>, u: number): number {
  const values = Array.from(logits)
  const most = Math.max(...values)
  const weights = values.map((v) => Math.exp(v - most))
  let rest = u * weights.reduce((a, b) => a + b, 0)
  for (const [i, w] of weights.entries()) {
    rest -= w
    if (rest < 0) return i
  }
  return weights.length - 1
}
