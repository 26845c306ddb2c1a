import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readAll } from '../../src/graph/tensor.ts'
import { compile, type Device, grad, mul, sum, type Tensor, tensor } from '../../src/index.ts'
import {
  BasicBlock,
  type ImageClassifier,
  type ResNet,
  type ResNetOptions,
  resnet18,
  resnet20,
  resnet34,
  resnet50,
  resnet56,
  resnet101,
  resnet152,
} from '../../src/models/index.ts'
import type { Module } from '../../src/nn/index.ts'
import { openDevice } from '../../src/node.ts'
import { uniform } from '../golden/formula.ts'
import { golden, lineOf } from './resnet-golden.ts'

let device: Device
beforeAll(async () => {
  device = await openDevice()
})
afterAll(() => device.close())

/** Keys and shapes of the state dict, in PyTorch's layout. */
function linesOf(model: Module): string[] {
  const layouts = model.fileLayouts()
  return model.namedState().map(([key, value]) => {
    if (!('shape' in value)) return lineOf(key, [])
    const axes = [...layouts].find(([parameter]) => parameter === value)?.[1].axes
    return lineOf(key, axes ? axes.map((_, i) => value.shape[axes.indexOf(i)] as number) : value.shape)
  })
}

function parametersOf(model: Module): number {
  return model.parameters().reduce((total, { size }) => total + size, 0)
}

describe('the state dict', () => {
  // Counts that torchvision publishes beside its weights.
  it.each<[string, () => ResNet, number]>([
    ['18', resnet18, 11_689_512],
    ['34', resnet34, 21_797_672],
    ['50', resnet50, 25_557_032],
    ['101', resnet101, 44_549_160],
    ['152', resnet152, 60_192_808],
  ])("of ResNet-%s has torchvision's keys, shapes and order", (depth, make, count) => {
    const lines = linesOf(make())
    const known = golden.state[depth]
    if (known) expect(lines).toEqual(known)
    expect(createHash('sha256').update(lines.join('\n')).digest('hex')).toBe(golden.sha256[depth])
    expect(parametersOf(make())).toBe(count)
  })

  // The paper's table 6; its counts are rounded.
  it.each<[number, () => ImageClassifier, number]>([
    [20, resnet20, 269_722],
    [56, resnet56, 853_018],
  ])("of ResNet-%i for small images has as many parameters as the paper's", (_, make, count) => {
    expect(parametersOf(make())).toBe(count)
  })
})

describe('a frozen backbone', () => {
  it('leaves the head alone to train, and its norms in evaluation mode', () => {
    const model = resnet20({ width: 4 }).freezeBackbone()
    model.train()
    const trains = model.namedParameters().flatMap(([key, p]) => (p.requiresGrad ? [key] : []))
    expect(trains).toEqual(['fc.weight', 'fc.bias'])
    const modes = model.namedModules().map(([name, part]) => [name, part.training] as const)
    expect(modes.flatMap(([name, training]) => (training ? [name] : []))).toEqual(['', 'fc'])
  })

  it('can be freed again', () => {
    const model = resnet20({ width: 4 }).freezeBackbone().freezeBackbone(false)
    expect(model.parameters().every((p) => p.requiresGrad)).toBe(true)
    expect(model.modules().every((part) => part.training)).toBe(true)
  })
})

describe('options', () => {
  it('start each block as its shortcut', async () => {
    const largest = async (options: ResNetOptions): Promise<number[]> => {
      const blocks = resnet18(options)
        .modules()
        .flatMap((part) => (part instanceof BasicBlock ? [part] : []))
      const weights = blocks.flatMap(({ bn1, lastNorm }) => [bn1.weight, lastNorm.weight] as Tensor[])
      return (await readAll(weights)).map((values) => Math.max(...values))
    }
    expect(await largest({ zeroInitResidual: true })).toEqual(new Array(8).fill([1, 0]).flat())
    expect(await largest({})).toEqual(new Array(16).fill(1))
  })

  it('start convolutions with the deviation of what flows out of a unit', async () => {
    const weights = Array.from(await resnet20().conv1.weight.data())
    const deviation = Math.sqrt(weights.reduce((sum, w) => sum + w * w, 0) / weights.length)
    expect(deviation / Math.sqrt(2 / (16 * 9))).toBeCloseTo(1, 0.8)
  })

  it('refuse what makes no network', () => {
    expect(() => resnet18({ numClasses: 0 })).toThrowErrorMatchingInlineSnapshot(
      `[WgradError: ResNet: numClasses is 0; it must be a whole number above 0]`,
    )
    expect(() => resnet20({ width: 1.5 })).toThrowErrorMatchingInlineSnapshot(
      `[WgradError: CifarResNet: width is 1.5; it must be a whole number above 0]`,
    )
    const images = tensor(new Float32Array(16), { shape: [1, 4, 4, 1] })
    expect(() => resnet20().forward(images)).toThrowErrorMatchingInlineSnapshot(
      `[WgradError: CifarResNet: x is [1, 4, 4, 1]; it must be [images, height, width, 3]]`,
    )
  })
})

describe('a block that is computed again in the backward pass', () => {
  /** Output, gradients and running statistics of a block in training. */
  async function trained(recompute: boolean): Promise<{ values: Float32Array[]; batches: unknown; flops: number }> {
    const block = new BasicBlock(4, 4, 1, null)
    block.recompute = recompute
    for (const [stream, p] of block.parameters().entries()) p.set(uniform(7, stream, p.size))
    const x = tensor(Float32Array.from(uniform(7, 100, 2 * 5 * 5 * 4)), { shape: [2, 5, 5, 4] })
    const step = compile((images: Tensor): Tensor[] => {
      const y = block.forward(images)
      return [y, ...grad(sum(mul(y, y)), block.parameters())]
    })
    const { flops } = await step.prepare([{ shape: x.shape, dtype: 'f32' }])
    const outputs = step(x) as Tensor[]
    const values = (await readAll([...outputs, ...block.namedBuffers().map(([, b]) => b)])) as Float32Array[]
    return { values, batches: block.bn1.numBatchesTracked?.value, flops }
  }

  it('gives the same bits, and takes the statistics of a batch once', async () => {
    const kept = await trained(false)
    const again = await trained(true)
    expect(again.values).toEqual(kept.values)
    expect(again.batches).toBe(1)
    expect(again.flops).toBeGreaterThan(1.2 * kept.flops)
  })
})
