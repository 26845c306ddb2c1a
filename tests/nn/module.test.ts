import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compile, type Device, full, grad, type Tensor, tensor } from '../../src/index.ts'
import * as nn from '../../src/nn/index.ts'
import { openDevice } from '../../src/node.ts'
import { AdamW, SGD } from '../../src/optim/index.ts'

let gpu: Device
beforeAll(async () => {
  gpu = await openDevice()
})
afterAll(() => gpu.close())

const make = (): nn.Sequential =>
  new nn.Sequential(new nn.Linear(3, 4), new nn.Sequential(new nn.BatchNorm1d(4), new nn.ReLU()), new nn.Linear(4, 2))
const input = (): Tensor => tensor([1, 2, 3, -1, 0.5, 2], { shape: [2, 3] })

describe('a module', () => {
  it('lists modules and buffers by name, each once', () => {
    const model = make()
    expect(model.namedModules().map(([name, module]) => [name, module.constructor.name])).toEqual([
      ['', 'Sequential'],
      ['0', 'Linear'],
      ['1', 'Sequential'],
      ['1.0', 'BatchNorm1d'],
      ['1.1', 'ReLU'],
      ['2', 'Linear'],
    ])
    expect(model.namedBuffers().map(([name]) => name)).toEqual(['1.0.running_mean', '1.0.running_var'])
    const shared = new nn.ReLU()
    expect(new nn.Sequential(shared, shared).modules()).toHaveLength(2)
  })

  it('applies a function from the leaves up', async () => {
    const model = make()
    const seen: string[] = []
    const same = model.apply((module) => {
      seen.push(module.constructor.name)
      if (module instanceof nn.Linear) module.weight.assign(full(module.weight.shape, 0.5))
    })
    expect(same).toBe(model)
    expect(seen).toEqual(['Linear', 'BatchNorm1d', 'ReLU', 'Sequential', 'Linear', 'Sequential'])
    expect(new Set(await (model.layers[2] as nn.Linear).weight.data())).toEqual(new Set([0.5]))
  })
})

describe('a frozen module', () => {
  it('keeps its weights while others train, compiled or not, until it is freed', async () => {
    const [body, head] = [new nn.Linear(3, 4), new nn.Linear(4, 2)]
    const model = new nn.Sequential(body, new nn.ReLU(), head)
    expect(body.requiresGrad_(false)).toBe(body)
    expect(body.forward(input()).requiresGrad).toBe(false)
    const trains = model.parameters().filter((p) => p.requiresGrad)
    expect(trains).toEqual([head.weight, head.bias])
    const optimizer = new AdamW(trains)
    const step = compile((x: Tensor) => {
      const loss = model.forward(x).sum()
      optimizer.minimize(loss)
      return { loss }
    })
    const before = [await body.weight.data(), await head.weight.data()]
    await step(input()).loss.item()
    expect(await body.weight.data()).toEqual(before[0])
    expect(await head.weight.data()).not.toEqual(before[1])
    body.requiresGrad_()
    const [slope] = grad(model.forward(input()).sum(), [body.weight])
    expect((await slope!.data()).some((v) => v !== 0)).toBe(true)
  })

  it('has a compiled function traced again, once for each state', () => {
    const layer = new nn.Linear(3, 2)
    let traces = 0
    const flow = compile((x: Tensor) => {
      traces++
      const y = layer.forward(x)
      expect(y.requiresGrad).toBe(true)
      const slopes = grad(y.sum(), layer.weight.requiresGrad ? [layer.weight, layer.bias!] : [layer.bias!])
      return slopes
    })
    expect(flow(input())).toHaveLength(2)
    layer.weight.requiresGrad = false
    expect(flow(input())).toHaveLength(1)
    layer.weight.requiresGrad = true
    expect(flow(input())).toHaveLength(2)
    layer.weight.requiresGrad = false
    expect(flow(input())).toHaveLength(1)
    expect(traces).toBe(2)
  })

  it('is refused by optimizers, and not frozen in mid-trace', () => {
    const model = make()
    const optimizer = new SGD(model.parameters(), { lr: 1 })
    model.layers[0]?.requiresGrad_(false)
    expect(() => optimizer.minimize(model.forward(input()).sum())).toThrow(
      'minimize: Linear.weight [4, 3] is frozen; give the optimizer only what trains: ' +
        'model.parameters().filter((p) => p.requiresGrad)',
    )
    const frozen = compile((x: Tensor) => model.requiresGrad_().forward(x))
    expect(() => frozen(input())).toThrow(
      'requiresGrad: Linear.weight is frozen or freed within a function that is being compiled; do it outside; the ' +
        'function is then traced again',
    )
  })
})
