import { type Tensor, tensor } from '../../src/index.ts'
import { Parameter } from '../../src/nn/index.ts'
import {
  Adagrad,
  Adam,
  AdamW,
  clipNorm,
  clipValue,
  ExponentialMovingAverage,
  Lion,
  RMSprop,
  SGD,
} from '../../src/optim/index.ts'
import { defineCheck, type OpCheck, type Ref } from './check.ts'

/** The inputs are parameters, each followed by its gradient; the same gradients come at every step. */
const inputs = [[3, 5], [3, 5], [2], [2], [], [], [65], [65]]
const steps = 3

interface Trainer {
  step(grads: readonly Tensor[]): void
}

function trained<A>(make: (params: readonly Parameter[], attrs: A) => Trainer): OpCheck<A>['call'] {
  return (all, attrs) => {
    const params = all.filter((_, i) => i % 2 === 0).map((x) => new Parameter(x))
    const optimizer = make(params, attrs)
    const grads = all.filter((_, i) => i % 2 === 1)
    for (let step = 0; step < steps; step++) optimizer.step(grads)
    return params.map((p) => p.mul(1))
  }
}

/** Runs a scalar rule on every element; `rule` gets weight, slope, step from 1, and state of its own. */
function reference(
  all: readonly Ref[],
  rule: (weight: number, slope: number, t: number, state: { first: number; second: number; third: number }) => number,
): Ref[] {
  return all
    .filter((_, i) => i % 2 === 0)
    .map((x, k) => {
      const slopes = all[2 * k + 1] as Ref
      const data = x.data.map((start, i) => {
        const state = { first: 0, second: 0, third: 0 }
        let weight = start
        for (let t = 1; t <= steps; t++) weight = rule(weight, slopes.data[i] as number, t, state)
        return weight
      })
      return { shape: x.shape, data }
    })
}

interface SgdAttrs {
  readonly momentum: number
  readonly weightDecay: number
  readonly nesterov: boolean
}

const lr = 0.1

export const optimizerChecks: readonly OpCheck[] = [
  defineCheck<SgdAttrs>({
    op: 'SGD',
    effects: ['sgd'],
    call: trained((params, attrs) => new SGD(params, { lr, ...attrs })),
    reference: (all, { momentum, weightDecay, nesterov }) =>
      reference(all, (weight, slope, _, state) => {
        const g = slope + weightDecay * weight
        state.first = momentum * state.first + g
        return weight - lr * (nesterov ? g + momentum * state.first : state.first)
      }),
    samples: [
      { inputs, attrs: { momentum: 0, weightDecay: 0, nesterov: false } },
      { inputs, attrs: { momentum: 0.9, weightDecay: 0.1, nesterov: false } },
      { inputs, attrs: { momentum: 0.9, weightDecay: 0, nesterov: true } },
    ],
    differentiable: false,
    fails: [
      { call: () => new SGD([], { lr }), message: 'optimizer: there are no parameters; give model.parameters()' },
      {
        call: () => new SGD([new Parameter(tensor([1]))], { lr: -1 }),
        message: 'SGD: lr is -1; it must be at least 0',
      },
    ],
  }),
  defineCheck<{ decoupled: boolean; weightDecay: number }>({
    op: 'Adam, AdamW',
    effects: ['adam'],
    call: trained((params, { decoupled, weightDecay }) => new (decoupled ? AdamW : Adam)(params, { lr, weightDecay })),
    reference: (all, { decoupled, weightDecay }) =>
      reference(all, (weight, slope, t, state) => {
        const g = slope + (decoupled ? 0 : weightDecay * weight)
        state.first = 0.9 * state.first + 0.1 * g
        state.second = 0.999 * state.second + 0.001 * g * g
        const mean = state.first / (1 - 0.9 ** t)
        const square = state.second / (1 - 0.999 ** t)
        return weight - (decoupled ? lr * weightDecay * weight : 0) - (lr * mean) / (Math.sqrt(square) + 1e-8)
      }),
    samples: [
      { inputs, attrs: { decoupled: false, weightDecay: 0 } },
      { inputs, attrs: { decoupled: false, weightDecay: 0.1 } },
      { inputs, attrs: { decoupled: true, weightDecay: 0.1 } },
    ],
    differentiable: false,
  }),
  defineCheck<{ centered: boolean; momentum: number; weightDecay: number }>({
    op: 'RMSprop',
    effects: ['rmsprop', 'centeredRmsprop'],
    call: trained((params, attrs) => new RMSprop(params, { lr, ...attrs })),
    reference: (all, { centered, momentum, weightDecay }) =>
      reference(all, (weight, slope, _, state) => {
        const g = slope + weightDecay * weight
        state.first = 0.99 * state.first + 0.01 * g * g
        state.second = 0.99 * state.second + 0.01 * g
        const scale = Math.sqrt(state.first - (centered ? state.second ** 2 : 0)) + 1e-8
        state.third = momentum * state.third + g / scale
        return weight - lr * state.third
      }),
    samples: [
      { inputs, attrs: { centered: false, momentum: 0, weightDecay: 0 } },
      { inputs, attrs: { centered: false, momentum: 0.9, weightDecay: 0.1 } },
      { inputs, attrs: { centered: true, momentum: 0.5, weightDecay: 0.1 } },
    ],
    differentiable: false,
    fails: [
      {
        call: () => new RMSprop([new Parameter(tensor([1]))], { alpha: 1 }),
        message: 'RMSprop: alpha is 1; it must be at least 0 and below 1',
      },
    ],
  }),
  defineCheck<{ lrDecay: number; weightDecay: number; initialAccumulatorValue: number }>({
    op: 'Adagrad',
    effects: ['adagrad'],
    call: trained((params, attrs) => new Adagrad(params, { lr, ...attrs })),
    reference: (all, { lrDecay, weightDecay, initialAccumulatorValue }) =>
      reference(all, (weight, slope, t, state) => {
        const g = slope + weightDecay * weight
        state.first = (t === 1 ? initialAccumulatorValue : state.first) + g * g
        return weight - ((lr / (1 + (t - 1) * lrDecay)) * g) / (Math.sqrt(state.first) + 1e-10)
      }),
    samples: [
      { inputs, attrs: { lrDecay: 0, weightDecay: 0, initialAccumulatorValue: 0 } },
      { inputs, attrs: { lrDecay: 0.5, weightDecay: 0.1, initialAccumulatorValue: 0.3 } },
    ],
    differentiable: false,
    fails: [
      {
        call: () => new Adagrad([new Parameter(tensor([1]))], { lrDecay: -1 }),
        message: 'Adagrad: lrDecay is -1; it must be at least 0',
      },
    ],
  }),
  defineCheck<{ weightDecay: number }>({
    op: 'Lion',
    effects: ['lion'],
    call: trained((params, attrs) => new Lion(params, { lr, betas: [0.6, 0.8], ...attrs })),
    reference: (all, { weightDecay }) =>
      reference(all, (weight, slope, _, state) => {
        const direction = Math.sign(0.6 * state.first + 0.4 * slope)
        state.first = 0.8 * state.first + 0.2 * slope
        return weight - lr * (direction + weightDecay * weight)
      }),
    samples: [
      { inputs, attrs: { weightDecay: 0 } },
      { inputs, attrs: { weightDecay: 0.5 } },
    ],
    differentiable: false,
    fails: [
      {
        call: () => new Lion([new Parameter(tensor([1]))], { betas: [0.9, 1] }),
        message: 'Lion: betas are 0.9, 1; both must be at least 0 and below 1',
      },
    ],
  }),
  defineCheck({
    op: 'ExponentialMovingAverage',
    effects: ['swap'],
    call: (all) => {
      const params = all.filter((_, i) => i % 2 === 0).map((x) => new Parameter(x))
      const optimizer = new SGD(params, { lr })
      const average = new ExponentialMovingAverage(optimizer, 0.7)
      for (let step = 0; step < steps; step++) {
        optimizer.step(all.filter((_, i) => i % 2 === 1))
        average.update()
      }
      average.swap()
      const averages = params.map((p) => p.mul(1))
      average.swap()
      return [...averages, ...params.map((p) => p.mul(1))]
    },
    reference: (all) => {
      const weights = reference(all, (weight, slope) => weight - lr * slope)
      const averages = all.flatMap((x, k) => {
        if (k % 2 === 1) return []
        const slopes = all[k + 1] as Ref
        const data = x.data.map((start, i) => {
          let average = start
          for (let t = 1; t <= steps; t++) average = 0.7 * average + 0.3 * (start - t * lr * (slopes.data[i] as number))
          return average
        })
        return [{ shape: x.shape, data }]
      })
      return [...averages, ...weights]
    },
    samples: [{ inputs }],
    differentiable: false,
    fails: [
      {
        call: () => new ExponentialMovingAverage(new SGD([new Parameter(tensor([1]))], { lr }), 1),
        message: 'ExponentialMovingAverage: decay is 1; it must be at least 0 and below 1',
      },
    ],
  }),
  defineCheck<{ norm: number } | { value: number }>({
    op: 'clipNorm, clipValue',
    call: trained((params, attrs) => {
      const optimizer = new SGD(params, { lr })
      optimizer.clip = 'norm' in attrs ? clipNorm(attrs.norm) : clipValue(attrs.value)
      return optimizer
    }),
    reference: (all, attrs) => {
      const slopes = all.flatMap((x, k) => (k % 2 === 1 ? [...x.data] : []))
      const scale = 'norm' in attrs ? Math.min(1, attrs.norm / (Math.hypot(...slopes) + 1e-6)) : 1
      const most = 'value' in attrs ? attrs.value : Number.POSITIVE_INFINITY
      return reference(all, (weight, slope) => weight - lr * scale * Math.max(-most, Math.min(most, slope)))
    },
    samples: [
      { inputs, attrs: { norm: 1 } },
      { inputs, attrs: { norm: 1e3 }, why: 'less than the limit' },
      { inputs, attrs: { value: 0.5 } },
    ],
    differentiable: false,
  }),
]
