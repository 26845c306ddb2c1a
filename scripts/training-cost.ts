import { globals } from 'webgpu'
import { compile, crossEntropy, type Spec, setDefaultDevice, spec, type Tensor } from '../src/index.ts'
import { BertForSequenceClassification, bertGroups, resnet50 } from '../src/models/index.ts'
import type { Module } from '../src/nn/index.ts'
import { AdamW, clipNorm, decayGroups, SGD } from '../src/optim/index.ts'
import { fakeDevice } from '../tests/engine/fake-device.ts'

/** A model's training step. */
interface Step {
  readonly title: string
  readonly inputs: readonly Spec[]
  /** The model, what makes a loss of the inputs, and what makes it small. */
  readonly build: (recompute: boolean) => {
    readonly model: Module
    readonly loss: (...inputs: Tensor[]) => Tensor
    readonly optimizer: { minimize(loss: Tensor): void }
  }
}

const steps: readonly Step[] = [
  {
    title: 'BERT-base, 8 sequences of 128, AdamW',
    inputs: [spec([8, 128], 'i32'), spec([8], 'i32'), spec([8], 'i32')],
    build(recompute) {
      const model = new BertForSequenceClassification()
      model.bert.encoder.recompute = recompute
      const optimizer = new AdamW(bertGroups(model, { lr: 1e-4 }))
      optimizer.clip = clipNorm(1)
      return {
        model,
        optimizer,
        loss: (ids, lengths, y) => crossEntropy(model.forward(ids as Tensor, lengths), y as Tensor),
      }
    },
  },
  {
    title: 'ResNet-50, 8 images of 224x224, SGD with momentum',
    inputs: [spec([8, 224, 224, 3]), spec([8], 'i32')],
    build(recompute) {
      const model = resnet50({ recompute })
      const optimizer = new SGD(decayGroups(model.parameters(), 1e-4), { lr: 0.1, momentum: 0.9 })
      return { model, optimizer, loss: (x, y) => crossEntropy(model.forward(x as Tensor), y as Tensor) }
    },
  },
]

// What WebGPU calls its flags.
Object.assign(globalThis, globals)

// Plans are made and placed for a GPU that has no memory, so that any machine can tell what they cost.
for (const { title, inputs, build } of steps) {
  console.log(title)
  for (const recompute of [false, true]) {
    const { device } = fakeDevice({}, { maxBufferSize: 2 ** 32, maxStorageBufferBindingSize: 2 ** 32 - 4 })
    setDefaultDevice(device)
    const { model, loss, optimizer } = build(recompute)
    const step = compile((...given: Tensor[]) => {
      const value = loss(...given)
      optimizer.minimize(value)
      return { loss: value }
    })
    const { peakBytes, flops, dispatches, pipelines } = await step.prepare(inputs)
    const parameters = model.parameters().reduce((sum, { size }) => sum + size, 0)
    console.log(
      `  ${recompute ? 'layers or blocks computed again' : 'all kept'}: ${(peakBytes / 2 ** 20).toFixed(0)} MiB at peak, ${(flops / 1e9).toFixed(1)} GFLOP, ${dispatches} dispatches, ${pipelines} pipelines; ${(parameters / 1e6).toFixed(1)} million parameters`,
    )
    device.close()
  }
}
process.exit(0)
