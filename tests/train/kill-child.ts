import { compile, type Device, manualSeed, mseLoss, openDevice, tensor } from '../../src/index.ts'
import { Linear, type Module, Sequential } from '../../src/nn/index.ts'
import { folderStore, nodeGpu } from '../../src/node.ts'
import { AdamW } from '../../src/optim/index.ts'
import { loadCheckpoint, saveCheckpoint, type Training } from '../../src/train/index.ts'

/**
 * Keeps checkpoints in a loop until it is killed, and writes the step of each that is complete as a line. With a GPU
 * it trains a network; without, the same code keeps a model that is nothing but numbers, all equal to the step.
 */
const [folder = '', kind = 'numbers', megabytes = '4'] = process.argv.slice(2)
const store = folderStore(folder)
const say = (step: number): Promise<void> =>
  new Promise((resolve) => process.stdout.write(`${step}\n`, () => resolve()))

async function keepNumbers(): Promise<void> {
  let step = 0
  const data = new Float32Array((Number(megabytes) * 2 ** 20) / 4)
  const numbers = {
    stateDict: async () => ({ weight: { shape: [data.length], data: data.fill(step) } }),
    stateWrites: (state: { weight: { data: ArrayLike<number> } }) => [
      () => {
        step = state.weight.data[0] ?? 0
      },
    ],
    parameters: () => [{ device }],
  } as unknown as Module
  await loadCheckpoint(store, 'run', { model: numbers })
  for (;;) {
    step++
    await saveCheckpoint(store, 'run', { model: numbers }, { step })
    await say(step)
  }
}

async function train(): Promise<void> {
  await openDevice({ gpu: await nodeGpu() })
  manualSeed(1)
  const model = new Sequential(new Linear(64, 512), new Linear(512, 64))
  const optimizer = new AdamW(model.parameters(), { lr: 1e-3 })
  const training: Training = { model, optimizer }
  const update = compile((x: ReturnType<typeof tensor>) => optimizer.minimize(mseLoss(model.forward(x), x)))
  let { step = 0 } = (await loadCheckpoint(store, 'run', training)) ?? {}
  for (;;) {
    update(
      tensor(
        Float32Array.from({ length: 256 }, (_, i) => Math.sin(i + step)),
        { shape: [4, 64] },
      ),
    )
    step++
    await saveCheckpoint(store, 'run', training, { step })
    await say(step)
  }
}

/** Stands for a device where none is needed. */
const device = {
  assertUsable: () => {},
  variants: { pinned: () => ({}), used: () => ({}), pin: () => {} },
} as unknown as Device

await (kind === 'training' ? train() : keepNumbers())
