// node scripts/run.mjs scripts/measure-transposes.ts [side]: times of matrix products with transposed operands beside the plain one, in turns.
import { medianRatio } from '../bench/run/statistics.ts'
import type { Choice } from '../src/graph/choose.ts'
import { Bench } from '../src/graph/tuner-bench.ts'
import { openClock } from '../src/graph/tuner-clock.ts'
import { compile, matmul, openDevice, type Tensor, zeros } from '../src/node.ts'

const rounds = 31
const measureMs = 30

const side = Number(process.argv[2] ?? 512)
const device = await openDevice({ tuning: null })
const clock = await openClock(device)
console.log(device.info.description)

const forms = ['NN', 'NT', 'TN', 'TT'] as const
const products = await Promise.all(
  forms.map(async (form) => {
    const options = { transA: form[0] === 'T', transB: form[1] === 'T' }
    const product = compile((a: Tensor, b: Tensor) => matmul(a, b, options), { device })
    const { choices } = product.planFor(zeros([side, side]), zeros([side, side]))
    const choice = [...choices.values()][0] as Choice
    const bench = await Bench.open(device, choice)
    await bench.prepare(choice.taken)
    return { form, bench, kernel: choice.taken, times: [] as number[] }
  }),
)

let runs = 1
for (let round = -1; round < rounds; round++) {
  // In one order and then in the other.
  for (const { bench, kernel, times } of round % 2 === 0 ? products : products.toReversed()) {
    const ms = (await clock.time((pass) => bench.encode(pass, kernel, runs))) / runs
    if (round >= 0) times.push(ms)
    else runs = Math.max(1, Math.ceil(measureMs / ms))
  }
}

const plain = (products[0] as (typeof products)[number]).times
for (const { form, kernel, times } of products) {
  const { value, low, high } = medianRatio(times, plain, { paired: true })
  console.log(`${form} ${side}, ${kernel}: ${value.toFixed(3)} of NN [${low.toFixed(3)}, ${high.toFixed(3)}]`)
}
process.exit(0)
