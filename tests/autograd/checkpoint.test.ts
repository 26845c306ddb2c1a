import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as nn from '../../src/nn/index.ts'
import {
  checkpoint,
  compile,
  crossEntropy,
  type Device,
  dropout,
  gelu,
  grad,
  manualSeed,
  mul,
  openDevice,
  readAll,
  spec,
  sum,
  type Tensor,
  tensor,
} from '../../src/node.ts'

let gpu: Device

beforeAll(async () => {
  gpu = await openDevice()
})

afterAll(() => gpu?.close())

const wave = (n: number): Float32Array => Float32Array.from({ length: n }, (_, i) => Math.sin(1.7 * i))

/** A block of a deep network: linear, layer norm, GELU. */
class Block extends nn.Module {
  readonly linear: nn.Linear
  readonly norm: nn.LayerNorm

  constructor(size: number) {
    super()
    this.linear = new nn.Linear(size, size)
    this.norm = new nn.LayerNorm(size)
  }

  override forward(x: Tensor): Tensor {
    return gelu(this.norm.forward(this.linear.forward(x)))
  }
}

function blocks(depth: number, size: number): Block[] {
  manualSeed(5)
  return Array.from({ length: depth }, () => new Block(size))
}

function gradientsOf(list: readonly Block[], parts: number, withDropout = false): (x: Tensor, y: Tensor) => Tensor[] {
  const parameters = list.flatMap((b) => b.parameters())
  const each = list.length / parts
  return (x, y) => {
    let h = x
    for (let p = 0; p < parts; p++) {
      const part = list.slice(p * each, (p + 1) * each)
      const run = (v: Tensor): Tensor =>
        part.reduce((a, b) => (withDropout ? dropout(b.forward(a), 0.25) : b.forward(a)), v)
      h = parts > 1 ? checkpoint(run, h) : run(h)
    }
    const loss = crossEntropy(h, y)
    return [loss, ...grad(loss, parameters)]
  }
}

describe('checkpoint', () => {
  test.each([
    ['', false],
    [' with dropout', true],
  ])('gives the same bits of loss and gradients%s', async (_, withDropout) => {
    const list = blocks(4, 12)
    const x = tensor(wave(8 * 12), { shape: [8, 12] })
    const y = tensor(Int32Array.from({ length: 8 }, (_, i) => i))
    const results: unknown[] = []
    for (const parts of [1, 2, 4]) {
      manualSeed(9)
      results.push(await readAll(compile(gradientsOf(list, parts, withDropout))(x, y)))
    }
    expect(results[1]).toEqual(results[0])
    expect(results[2]).toEqual(results[0])
  })

  test('gives the same gradients without compile, for inputs and captured tensors too', async () => {
    const list = blocks(2, 6)
    const x = tensor(wave(12), { shape: [2, 6], requiresGrad: true })
    const scale = tensor(wave(6), { requiresGrad: true })
    const scaled = mul(scale, 2)
    const run = (v: Tensor): Tensor => mul((list[1] as Block).forward((list[0] as Block).forward(v)), scaled)
    const wanted = [x, scale, ...list.flatMap((b) => b.parameters())]
    const plain = await readAll(grad(sum(run(x)), wanted))
    expect(await readAll(grad(sum(checkpoint(run, x)), wanted))).toEqual(plain)
  })

  test('lowers the peak of 16 blocks of 256 at batch 1,024 by at least 40 %', async () => {
    const list = blocks(16, 256)
    const step = (parts: number): ReturnType<typeof compile<[Tensor, Tensor], Tensor[]>> =>
      compile(gradientsOf(list, parts), { ring: 1 })
    const specs = [spec([1024, 256]), spec([1024], 'i32')]
    const slots = async (parts: number): Promise<number> => {
      const before = gpu.bytes
      const compiled = step(parts)
      const { peakBytes } = await compiled.prepare(specs)
      compiled.release()
      gpu.pool.trim()
      return peakBytes - before
    }
    await slots(16)
    const plain = await slots(1)
    const parted = await slots(4)
    expect(parted).toBeLessThan(0.6 * plain)
  }, 120_000)

  test('refuses functions that change state, and none at all', () => {
    const layer = new nn.BatchNorm2d(2)
    const x = tensor(wave(8), { shape: [1, 2, 2, 2], requiresGrad: true })
    const step = compile((v: Tensor) => sum(checkpoint((t) => layer.forward(t), v)))
    expect(() => step(x)).toThrowErrorMatchingInlineSnapshot(
      `[WgradError: checkpoint: the function changes state, which would happen twice; leave modules such as BatchNorm in training outside]`,
    )
    expect(() => checkpoint(() => x)).toThrowErrorMatchingInlineSnapshot(
      `[WgradError: checkpoint: there are no inputs; give fn at least one tensor]`,
    )
  })
})
