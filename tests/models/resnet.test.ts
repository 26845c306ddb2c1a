import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readAll } from '../../src/graph/tensor.ts'
import { type Device, grad, mul, sum, type Tensor, tensor } from '../../src/index.ts'
import {
  type ImageClassifier,
  type ResNet,
  resnet18,
  resnet20,
  resnet34,
  resnet50,
  resnet56,
  resnet101,
  resnet152,
} from '../../src/models/index.ts'
import { BatchNorm2d, type Module } from '../../src/nn/index.ts'
import { openDevice } from '../../src/node.ts'
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
