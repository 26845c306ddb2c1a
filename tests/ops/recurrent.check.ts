import { call } from '../../src/graph/tensor.ts'
import { recurrent, type Tensor } from '../../src/index.ts'
import { recurrentGradOp } from '../../src/ops/recurrent-backward.ts'
import { defineCheck, type InputSpec, type OpCheck, type Ref, type Sample } from './check.ts'
import { zeros } from './reference.ts'

type Cell = 'lstm' | 'gru' | 'tanh' | 'relu'

interface Attrs {
  readonly cell: Cell
  /** Which inputs follow x and w, in this order. */
  readonly given?: readonly ('lengths' | 'state' | 'bias')[]
  readonly reversed?: boolean
}

const gates = { lstm: 4, gru: 3, tanh: 1, relu: 1 }
const states = { lstm: 2, gru: 1, tanh: 1, relu: 1 }
const sigmoid = (v: number): number => 1 / (1 + Math.exp(-v))

/** One step of one row: h and c after it. */
function stepOf(cell: Cell, x: readonly number[], p: readonly number[], h: number, c: number): [number, number] {
  const at = (values: readonly number[], i: number): number => values[i] as number
  const pre = (i: number): number => at(x, i) + at(p, i)
  if (cell === 'lstm') {
    const next = sigmoid(pre(1)) * c + sigmoid(pre(0)) * Math.tanh(pre(2))
    return [sigmoid(pre(3)) * Math.tanh(next), next]
  }
  if (cell === 'gru') {
    const n = Math.tanh(at(x, 2) + sigmoid(pre(0)) * at(p, 2))
    const z = sigmoid(pre(1))
    return [(1 - z) * n + z * h, 0]
  }
  return [cell === 'relu' ? Math.max(0, pre(0)) : Math.tanh(pre(0)), 0]
}

function layer(inputs: readonly Ref[], { cell, given = [], reversed = false }: Attrs): [Ref, Ref] {
  const [x, w] = inputs as [Ref, Ref]
  const named = (name: 'bias' | 'state' | 'lengths'): Ref | undefined =>
    given.includes(name) ? inputs[2 + given.indexOf(name)] : undefined
  const [bias, state, lengths] = [named('bias'), named('state'), named('lengths')]
  const [batch, time, size] = x.shape as [number, number, number]
  const units = size / gates[cell]
  const y = zeros([batch, time, units])
  const last = zeros([states[cell], batch, units])
  for (let b = 0; b < batch; b++) {
    const initial = (s: number): number[] =>
      Array.from({ length: units }, (_, u) => state?.data[(s * batch + b) * units + u] ?? 0)
    let h = initial(0)
    let c = states[cell] === 2 ? initial(1) : initial(0)
    const length = lengths?.data[b] ?? time
    for (let s = 0; s < length; s++) {
      const t = reversed ? length - 1 - s : s
      const product = (row: number): number =>
        h.reduce((total, v, k) => total + v * (w.data[row * units + k] as number), bias?.data[row] ?? 0)
      const each = (of: (row: number) => number, u: number): number[] =>
        Array.from({ length: gates[cell] }, (_, g) => of(g * units + u))
      const next = h.map((v, u) =>
        stepOf(
          cell,
          each((row) => x.data[(b * time + t) * size + row] as number, u),
          each(product, u),
          v,
          c[u] as number,
        ),
      )
      h = next.map(([v]) => v)
      c = next.map(([, v]) => v)
      for (let u = 0; u < units; u++) y.data[(b * time + t) * units + u] = h[u] as number
    }
    for (let u = 0; u < units; u++) {
      last.data[b * units + u] = h[u] as number
      if (states[cell] === 2) last.data[(batch + b) * units + u] = c[u] as number
    }
  }
  return [y, last]
}

function sample(
  [batch, time, units]: readonly [number, number, number],
  attrs: Attrs,
  lengths: readonly number[] = [],
): { inputs: (readonly number[] | InputSpec)[]; attrs: Attrs } {
  const of = {
    bias: [gates[attrs.cell] * units],
    state: [states[attrs.cell], batch, units],
    lengths: { shape: [batch], dtype: 'i32' as const, values: lengths },
  }
  const w = { shape: [gates[attrs.cell] * units, units], range: [-0.7, 0.7] as const }
  return { inputs: [[batch, time, gates[attrs.cell] * units], w, ...(attrs.given ?? []).map((n) => of[n])], attrs }
}

/** Every cell with all that it may be given; the sizes that matter to the kernels with one of them. */
function samplesOf(cell: Cell): Sample<Attrs>[] {
  const bias = cell === 'gru' ? (['bias'] as const) : []
  const padded: Sample<Attrs>[] = [
    { ...sample([4, 4, 5], { cell, given: ['lengths', 'state', ...bias] }, [4, 1, 0, 3]), why: 'padding' },
    { ...sample([5, 4, 8], { cell, given: ['lengths'], reversed: true }, [2, 4, 3, 1, 4]), why: 'padding before' },
  ]
  if (cell === 'relu') return padded.slice(0, 1)
  if (cell === 'tanh')
    return [...padded, { ...sample([17, 2, 12], { cell }), why: 'rows for two groups that swap, and one more' }]
  if (cell !== 'lstm') return padded
  return [
    ...padded,
    { ...sample([1, 1, 1], { cell }) },
    { ...sample([9, 2, 33], { cell }), why: 'units and columns beyond a group of threads' },
    { ...sample([9, 2, 20], { cell }), why: 'rows beyond a group that swaps, units beyond its threads' },
    { ...sample([0, 3, 4], { cell }), why: 'no rows' },
    { ...sample([2, 2, 132], { cell }), why: 'more than threads hold of the weights' },
  ]
}

/** The gradient of x through time, by its formula: that of h at a step is dy and what the step after gives back. */
const walkBack = defineCheck({
  op: 'recurrentGrad',
  call: ([x, w, dy]) => {
    const { output } = recurrent('tanh', x as Tensor, w as Tensor)
    return call(recurrentGradOp, [w as Tensor, output, output, dy as Tensor], {
      cell: 'tanh',
      reversed: false,
      within: '',
    })
  },
  reference: (inputs) => {
    const [x, w, dy] = inputs as [Ref, Ref, Ref]
    const [y] = layer([x, w], { cell: 'tanh' })
    const [batch, time, units] = x.shape as [number, number, number]
    const dx = zeros(x.shape)
    const dstate = zeros([1, batch, units])
    for (let b = 0; b < batch; b++)
      for (let t = time - 1; t >= -1; t--)
        for (let u = 0; u < units; u++) {
          const at = (b * time + t) * units
          let dh = t < 0 ? 0 : (dy.data[at + u] as number)
          if (t + 1 < time)
            for (let k = 0; k < units; k++)
              dh += (w.data[k * units + u] as number) * (dx.data[at + units + k] as number)
          if (t < 0) dstate.data[b * units + u] = dh
          else dx.data[at + u] = dh * (1 - (y.data[at + u] as number) ** 2)
        }
    return [dx, dstate]
  },
  samples: [{ inputs: [[2, 3, 5], { shape: [5, 5], range: [-0.7, 0.7] }, [2, 3, 5]] }],
  differentiable: false,
})

const cellChecks: readonly OpCheck[] = (['lstm', 'gru', 'tanh', 'relu'] as const).map((cell) => {
  return defineCheck<Attrs>({
    op: `recurrent ${cell}`,
    call: ([x, w, ...more], { cell: kind, given = [], reversed = false }) => {
      const options = Object.fromEntries(given.map((name, i) => [name, more[i] as Tensor]))
      const { output, last } = recurrent(kind, x as Tensor, w as Tensor, { ...options, reversed })
      return [output, last]
    },
    reference: (inputs, attrs) => layer(inputs, attrs),
    samples: samplesOf(cell),
    differentiable: cell !== 'relu',
    kernels: ['gpu', 'software'],
    bench: [sample([16, 32, 64], { cell })],
    ...(cell !== 'lstm'
      ? {}
      : {
          fails: [
            {
              inputs: [
                [2, 3],
                [4, 1],
              ],
              attrs: { cell },
              message: 'recurrent: x is [2, 3]; it must be [B, T, 4 H], neither T nor H 0',
            },
            {
              inputs: [
                [2, 3, 8],
                [8, 3],
              ],
              attrs: { cell },
              message: 'recurrent: w is [8, 3]; it must be [8, 2]',
            },
            {
              inputs: [
                [2, 3, 8],
                [8, 2],
                [2, 1, 2],
              ],
              attrs: { cell, given: ['state'] as const },
              message: 'recurrent: state is [2, 1, 2]; it must be [2, 2, 2]',
            },
            {
              inputs: [[2, 3, 8], [8, 2], [8]],
              attrs: { cell, given: ['bias'] as const },
              message: 'recurrent: a bias with the cell lstm; only a gru has one; add it to x',
            },
          ],
        }),
  })
})

export const recurrentChecks: readonly OpCheck[] = [...cellChecks, walkBack]
