// node scripts/run.mjs scripts/measure-tuner.ts [words...]: tunes 20 pieces of work, or those whose names hold one of the words,
// then measures every kernel at length, and prints how far the tuner's choice and the default are from the best.
import type { Device } from '../src/gpu/device.ts'
import { Bench } from '../src/graph/tuner-bench.ts'
import { openClock } from '../src/graph/tuner-clock.ts'
import { compile, conv2d, matmul, max, openDevice, type Spec, spec, sum, type Tensor, zeros } from '../src/node.ts'

/** Times that each kernel is measured, in turns, and the least of a measurement in milliseconds. */
const rounds = 15
const measureMs = 40

interface Work {
  readonly name: string
  readonly specs: readonly Spec[]
  run(...inputs: Tensor[]): Tensor
}

function product(m: number, k: number, n: number, options: { transA?: boolean; transB?: boolean } = {}): Work {
  const { transA = false, transB = false } = options
  return {
    name: `matmul ${transA ? 'T' : 'N'}${transB ? 'T' : 'N'} ${m} x ${k} x ${n}`,
    specs: [spec(transA ? [k, m] : [m, k]), spec(transB ? [n, k] : [k, n])],
    run: (a, b) => matmul(a as Tensor, b as Tensor, options),
  }
}

function convolution(images: number, side: number, channels: number, outputs: number, stride = 1): Work {
  return {
    name: `conv2d 3x3 ${images} x ${side} x ${side} x ${channels} -> ${outputs}, stride ${stride}`,
    specs: [spec([images, side, side, channels]), spec([outputs, 3, 3, channels])],
    run: (x, w) => conv2d(x as Tensor, w as Tensor, { padding: 1, stride }),
  }
}

function reduction(name: string, op: (x: Tensor, axis: number) => Tensor, axis: number, shape: number[]): Work {
  return {
    name: `${name} of ${shape.join(' x ')} over ${axis}`,
    specs: [spec(shape)],
    run: (x) => op(x as Tensor, axis),
  }
}

const works: readonly Work[] = [
  ...[64, 128, 256].map((n) => product(n, n, n)),
  product(100, 300, 50),
  product(512, 64, 128),
  product(32, 1024, 32),
  product(256, 128, 10),
  product(1, 512, 512),
  product(77, 91, 33),
  product(128, 128, 128, { transB: true }),
  product(128, 256, 96, { transA: true }),
  convolution(1, 28, 16, 32),
  convolution(4, 14, 32, 32),
  convolution(2, 28, 1, 16),
  convolution(2, 16, 32, 64, 2),
  convolution(1, 32, 3, 16),
  reduction('sum', sum, 1, [64, 4096]),
  reduction('sum', sum, 0, [4096, 64]),
  reduction('sum', sum, 0, [300, 300]),
  reduction('max', max, 1, [1000, 1000]),
]

/** How many times as long as the best kernel the tuner's choice takes, and the default. */
async function measure(device: Device, { name, specs, run }: Work): Promise<{ tuned: number; untuned: number }> {
  const step = compile(run, { device })
  const start = performance.now()
  const inputs = specs.map(({ shape }) => zeros(shape))
  const { choices } = step.planFor(...inputs)
  const [found] = choices
  if (!found) throw new Error(`${name} has one kernel alone`)
  const [work, choice] = found
  await step.prepare(specs, { tune: true, budgetMs: 300_000 })
  const seconds = (performance.now() - start) / 1000
  step.release()
  const answer = device.variants.tuned().find((tuned) => tuned.work === work)
  if (!answer) throw new Error(`${name} was not measured`)
  const names = Object.keys(answer.microseconds)
  const bench = await Bench.open(device, choice)
  const clock = await openClock(device)
  const times = new Map<string, number>()
  for (const each of names) await bench.prepare(each)
  for (let round = 0; round < rounds; round++) {
    for (const each of names) {
      const runs = Math.max(1, Math.ceil((1000 * measureMs) / (answer.microseconds[each] as number)))
      const ms = (await clock.time((pass) => bench.encode(pass, each, runs))) / runs
      times.set(each, Math.min(ms, times.get(each) ?? Number.POSITIVE_INFINITY))
    }
  }
  bench.close()
  clock.close()
  const best = Math.min(...times.values())
  const ratio = (each: string): number => (times.get(each) ?? Number.NaN) / best
  const { taken } = answer
  console.log(
    `${name.padEnd(44)} ${String(names.length).padStart(2)} kernels, ${seconds.toFixed(1).padStart(5)} s: ${ratio(taken).toFixed(3)} with ${taken}; default ${ratio(choice.taken).toFixed(3)} with ${choice.taken}`,
  )
  return { tuned: ratio(taken), untuned: ratio(choice.taken) }
}

function spread(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share: number): string => (sorted[Math.floor(share * (sorted.length - 1))] as number).toFixed(3)
  return `median ${at(0.5)}, worst ${at(1)}`
}

const words = process.argv.slice(2)
const device = await openDevice({ tuning: null })
console.log(device.info.description)
const results: { tuned: number; untuned: number }[] = []
for (const work of works)
  if (words.length === 0 || words.some((word) => work.name.includes(word))) results.push(await measure(device, work))
console.log(`times of the best kernel: tuned ${spread(results.map((r) => r.tuned))}`)
console.log(`                          default ${spread(results.map((r) => r.untuned))}`)
process.exit(0)
