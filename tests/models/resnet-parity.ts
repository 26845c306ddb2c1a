// node scripts/run.mjs tests/models/resnet-parity.ts [eval] [train] [logits]: ResNet-50 against PyTorch in float64, at full size; takes
// minutes in software.
import { openDevice } from '../../src/node.ts'
import { gradientDistances, loadedResnet50, logitsDistance, worstOf } from './resnet-compare.ts'

const device = await openDevice()
console.log(`Adapter: ${device.info.description}`)
const started = performance.now()
const show = (title: string, value: number, bound: number): void => {
  const verdict = value < bound ? 'within' : 'NOT within'
  const seconds = (performance.now() - started) / 1000
  console.log(`${title}: ${value.toExponential(2)}, ${verdict} ${bound}  (${seconds.toFixed(0)} s)`)
  if (!(value < bound)) process.exitCode = 1
}
const asked = process.argv.slice(2)
const isAsked = (what: string): boolean => asked.length === 0 || asked.includes(what)
for (const [mode, bound] of [
  ['eval', 1e-4],
  ['train', 1e-3],
] as const) {
  if (!isAsked(mode)) continue
  // Training mode changes running statistics, so that each comparison has a network of its own.
  const distances = await gradientDistances(loadedResnet50(), mode)
  const zeros = distances.filter(({ isZero }) => isZero)
  for (const [kind, some, most] of [
    ['worst', distances.filter(({ isZero }) => !isZero), bound],
    [`worst of ${zeros.length} that are zero, over all`, zeros, 1e-5],
  ] as const) {
    const found = worstOf(some)
    if (found) show(`gradients, ${mode} mode, 64x64, ${kind} (${found.key})`, found.relative, most)
  }
}
if (isAsked('logits')) show('logits, 224x224', await logitsDistance(loadedResnet50()), 1e-3)
device.close()
process.exit()
