import { ArrayDataset, DataLoader } from '../../src/data/index.ts'
import { compile, generator, mseLoss, type Tensor, tensor } from '../../src/index.ts'
import { BatchNorm1d, Dropout, Linear, type Module, Sequential } from '../../src/nn/index.ts'
import {
  AdamW,
  clipNorm,
  ExponentialMovingAverage,
  GradientAccumulator,
  LRScheduler,
  optimizerState,
  stepLR,
} from '../../src/optim/index.ts'
import type { CheckpointStore, Training } from '../../src/train/index.ts'

export const rows = new ArrayDataset({ x: { data: new Float32Array(24), shape: [12, 2] } })

/** A training with every part that carries state. */
export function training() {
  const model: Module = new Sequential(new Linear(2, 3), new BatchNorm1d(3), new Dropout(0.1), new Linear(3, 1))
  const optimizer = new AdamW(model.parameters(), { lr: 0.1 })
  optimizer.clip = clipNorm(1)
  const average = new ExponentialMovingAverage(optimizer, 0.9)
  const accumulator = new GradientAccumulator(optimizer, 2)
  const scheduler = new LRScheduler(optimizer, stepLR(2, 0.5))
  const loader = new DataLoader(rows, { batchSize: 4, shuffle: true })
  const step = compile((x: Tensor) => {
    accumulator.minimize(mseLoss(model.forward(x), x.sum(1, true)))
    average.update()
  })
  const run = (steps: number): void => {
    for (let t = 0; t < steps; t++) {
      step(
        tensor(
          Float32Array.from({ length: 8 }, (_, i) => Math.sin(i + t)),
          { shape: [4, 2] },
        ),
      )
      scheduler.step()
    }
  }
  return { model, optimizer, average, accumulator, scheduler, loader, run } satisfies Training & { run: unknown }
}

/** All that a test compares, of the moment of the call: what is on the device and what is beside it. */
export async function stateOf({
  model,
  optimizer,
  average,
  accumulator,
  scheduler,
  loader,
}: ReturnType<typeof training>) {
  const host = {
    decay: average.decay,
    scheduler: scheduler.state,
    loader: loader.state(),
    generator: { ...generator() },
  }
  const device = await Promise.all([
    model.stateDict(),
    optimizerState(optimizer, model),
    average.stateDict(model),
    accumulator.state(model),
  ])
  return { host, device }
}

export async function bytesOf(store: CheckpointStore, file: string): Promise<Uint8Array<ArrayBuffer>> {
  const content = await store.read(file)
  return new Uint8Array(await new Response(content as Blob).arrayBuffer())
}

export async function put(store: CheckpointStore, file: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  await store.write(file, new Blob([bytes]).stream() as ReadableStream<Uint8Array<ArrayBuffer>>)
}
