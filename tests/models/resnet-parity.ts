// node scripts/run.mjs tests/models/resnet-parity.ts: ResNet-50 against PyTorch in float64, at full size; takes minutes in software.
import { openDevice } from '../../src/node.ts'
import { gradientDistances, loadedResnet50, logitsDistance, worstOf } from './resnet-compare.ts'

const device = await openDevice()
const model = loadedResnet50()
console.log(`Adapter: ${device.info.description}`)
const started = performance.now()
const show = (title: string, value: number, bound: number): void => {
  const verdict = value < bound ? 'within' : 'NOT within'
  const seconds = (performance.now() - started) / 1000
  console.log(`${title}: ${value.toExponential(2)}, ${verdict} ${bound}  (${seconds.toFixed(0)} s)`)
  if (!(value < bound)) process.exitCode = 1
}
for (const [mode, bound] of [
  ['eval', 1e-4],
  ['train', 1e-3],
] as const) {
  const { key, relative } = worstOf(await gradientDistances(model, mode))
  show(`gradients, ${mode} mode, 64x64, worst of all tensors (${key})`, relative, bound)
}
show('logits, 224x224', await logitsDistance(model), 1e-3)
device.close()
process.exit()
