import { ArrayDataset } from '../../src/data/index.ts'
import { crossEntropy, type Tensor } from '../../src/index.ts'
import { Dropout, Linear, ReLU, Sequential } from '../../src/nn/index.ts'

/** Points of the square from -1 to 1, and whether their coordinates have the same sign. */
export function signTable(n: number, seed: number): ArrayDataset<'x' | 'y'> {
  let word = seed
  const x = Float32Array.from({ length: 2 * n }, () => {
    word = (Math.imul(word, 1664525) + 1013904223) >>> 0
    return word / 2 ** 31 - 1
  })
  const y = Int32Array.from({ length: n }, (_, i) => Number((x[2 * i] as number) * (x[2 * i + 1] as number) > 0))
  return new ArrayDataset({ x: { data: x, shape: [n, 2] }, y: { data: y, shape: [n], dtype: 'i32' } })
}

/** A network for {@link signTable}, with a part that behaves differently in training. */
export function signNetwork(hidden = 16, dropout = 0.1): Sequential {
  return new Sequential(new Linear(2, hidden), new ReLU(), new Dropout(dropout), new Linear(hidden, 2))
}

export function signLoss(output: Tensor, { y }: { readonly y: Tensor }): Tensor {
  return crossEntropy(output, y)
}
