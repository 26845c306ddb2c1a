import {
  add,
  checkpoint,
  exp,
  grad,
  mean,
  mul,
  relu,
  sigmoid,
  softplus,
  square,
  sum,
  type Tensor,
  tanh,
} from '../../src/index.ts'
import { defineCheck, type OpCheck } from './check.ts'
import { elementwise, reduce } from './reference.ts'

/** The gradient of sum(f(x)), itself a function that can be differentiated. */
function slope(f: (x: Tensor) => Tensor): (inputs: Tensor[]) => Tensor {
  return ([x]) => grad(sum(f(x!)), [x!])[0]!
}

const logistic = (x: number): number => 1 / (1 + Math.exp(-x))

function second(op: string, f: (x: Tensor) => Tensor, derivative: (x: number) => number): OpCheck {
  return defineCheck({
    op: `gradient of the gradient of ${op}`,
    call: slope(f),
    reference: (inputs) => elementwise(inputs, ([x = 0]) => derivative(x)),
    samples: [{ inputs: [[3, 4]] }],
    differentiable: true,
  })
}

export const autogradChecks: readonly OpCheck[] = [
  second('exp', exp, Math.exp),
  second('tanh', tanh, (x) => 1 - Math.tanh(x) ** 2),
  second('sigmoid', sigmoid, (x) => logistic(x) * (1 - logistic(x))),
  second('softplus', softplus, logistic),
  defineCheck({
    op: 'checkpoint',
    call: ([x]) => checkpoint((v) => exp(tanh(exp(v))), x!),
    reference: (inputs) => elementwise(inputs, ([x = 0]) => Math.exp(Math.tanh(Math.exp(x)))),
    samples: [{ inputs: [[3, 5]] }],
    differentiable: true,
  }),
  second('a checkpoint', (x) => checkpoint(exp, x), Math.exp),
  second(
    'x ** 3',
    (x) => x.pow(3),
    (x) => 3 * x * x,
  ),
  defineCheck({
    op: 'gradient of the gradient of a product',
    call: ([a, b]) => grad(sum(square(a!.matmul(b!))), [a!, b!]),
    reference: ([a, b]) => {
      const [m, k, n] = [a!.shape[0]!, a!.shape[1]!, b!.shape[1]!]
      const [da, db] = [new Float64Array(m * k), new Float64Array(k * n)]
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++) {
          let y = 0
          for (let x = 0; x < k; x++) y += a!.data[i * k + x]! * b!.data[x * n + j]!
          for (let x = 0; x < k; x++) {
            da[i * k + x]! += 2 * y * b!.data[x * n + j]!
            db[x * n + j]! += 2 * y * a!.data[i * k + x]!
          }
        }
      }
      return [
        { shape: a!.shape, data: da },
        { shape: b!.shape, data: db },
      ]
    },
    samples: [
      {
        inputs: [
          [3, 4],
          [4, 5],
        ],
      },
    ],
    differentiable: true,
  }),
  defineCheck({
    op: 'a diamond',
    call: ([x]) => {
      const y = mul(x!, x!)
      return add(add(exp(y.neg()), mul(y, x!)), y)
    },
    reference: (inputs) => elementwise(inputs, ([x = 0]) => Math.exp(-x * x) + x ** 3 + x * x),
    samples: [{ inputs: [[7]] }],
    differentiable: true,
  }),
  defineCheck({
    op: 'the same tensor on both sides',
    call: ([x]) => [x!.add(x!), x!.mul(x!), x!.sub(x!), x!.matmul(x!)],
    reference: ([x]) => {
      const n = x!.shape[0]!
      const { data } = x!
      const product = data.map((_, i) => {
        const [row, column] = [Math.floor(i / n), i % n]
        let total = 0
        for (let k = 0; k < n; k++) total += data[row * n + k]! * data[k * n + column]!
        return total
      })
      return [
        elementwise([x!], ([v = 0]) => 2 * v),
        elementwise([x!], ([v = 0]) => v * v),
        elementwise([x!], () => 0),
        { shape: [n, n], data: product },
      ]
    },
    samples: [{ inputs: [[3, 3]] }],
    differentiable: true,
  }),
  defineCheck({
    op: 'an input that is not used',
    call: ([x]) => x!.mul(2),
    reference: ([x]) => elementwise([x!], ([v = 0]) => 2 * v),
    samples: [{ inputs: [[3], [2, 2]] }],
    differentiable: true,
  }),
  defineCheck({
    op: 'gradients that are sums over broadcast axes',
    call: ([x, gain, bias]) => {
      const centred = x!.sub(mean(x!, -1, true))
      const spread = mean(square(centred), -1, true).add(1e-5)
      return relu(centred.mul(spread.pow(-0.5)).mul(gain!).add(bias!).add(3))
    },
    reference: ([x, gain, bias]) => {
      const average = (v: number[]): number => v.reduce((a, b) => a + b, 0) / v.length
      const centred = elementwise([x!, reduce(x!, [1], true, average)], ([v = 0, m = 0]) => v - m)
      const spread = reduce(centred, [1], true, (v) => average(v.map((c) => c * c)) + 1e-5)
      return elementwise([centred, spread, gain!, bias!], ([c = 0, s = 1, g = 0, b = 0]) =>
        Math.max(0, (c / Math.sqrt(s)) * g + b + 3),
      )
    },
    samples: [{ inputs: [[4, 6], { shape: [6], range: [0.5, 1] }, { shape: [1, 6], range: [-0.5, 0.5] }] }],
    differentiable: true,
  }),
]
