// node scripts/run.mjs tests/models/resnet-head-speed.ts: how much faster a step is that trains the head alone, side by side.
import { compile, crossEntropy, spec, type Tensor, tensor } from '../../src/index.ts'
import { resnet18 } from '../../src/models/index.ts'
import { openDevice } from '../../src/node.ts'
import { SGD } from '../../src/optim/index.ts'

const [batch, size, rounds] = [8, 32, 5]
const device = await openDevice()
console.log(`Adapter: ${device.info.description}; ResNet-18, ${batch} images of ${size}x${size}`)
const x = tensor(new Float32Array(batch * size * size * 3).fill(0.5), { shape: [batch, size, size, 3] })
const y = tensor(Int32Array.from({ length: batch }, (_, i) => i))

const steps = []
for (const frozen of [false, true]) {
  const model = resnet18({ numClasses: 10 }).freezeBackbone(frozen).train()
  const trainable = model.parameters().filter((p) => p.requiresGrad)
  const optimizer = new SGD(trainable, { lr: 0.01, momentum: 0.9 })
  const step = compile((images: Tensor, classes: Tensor) => {
    const loss = crossEntropy(model.forward(images), classes)
    optimizer.minimize(loss)
    return { loss }
  })
  const cost = await step.prepare([spec(x.shape), spec(y.shape, 'i32')])
  const name = frozen ? 'head alone' : 'all of it'
  console.log(
    `${name}: ${(cost.flops / 1e9).toFixed(2)} GFLOP, ${(cost.peakBytes / 2 ** 20).toFixed(0)} MiB in all so far`,
  )
  await step(x, y).loss.data()
  steps.push({ name, step, times: [] as number[] })
}
// In turns, since what else runs slows both alike.
for (let round = 0; round < rounds; round++)
  for (const { step, times } of steps) {
    const started = performance.now()
    await step(x, y).loss.data()
    times.push(performance.now() - started)
  }
const [full = 0, head = 0] = steps.map(({ name, times }) => {
  const median = times.sort((a, b) => a - b)[Math.floor(rounds / 2)] as number
  console.log(`${name}: ${median.toFixed(0)} ms a step, median of ${rounds}`)
  return median
})
console.log(`The head alone is ${(full / head).toFixed(2)} times as fast`)
process.exit()
