import { fail } from '../errors.ts'
import type { Tensor } from '../graph/tensor.ts'
import { Module } from './module.ts'

/** Modules one after another; state-dict keys are their numbers. */
export class Sequential extends Module {
  readonly layers: readonly Module[]

  constructor(...layers: Module[]) {
    super()
    layers.forEach((layer: unknown, i) => {
      if (!(layer instanceof Module))
        fail('Sequential', `layer ${i} is ${typeof layer}`, 'layers are modules, such as new nn.ReLU()')
    })
    this.layers = layers
  }

  override children(): [string, Module][] {
    return this.layers.map((layer, i) => [String(i), layer])
  }

  override forward(x: Tensor): Tensor {
    return this.layers.reduce((h, layer) => layer.forward(h), x)
  }
}

/** A list of modules that are called by hand. */
export class ModuleList extends Module {
  readonly items: readonly Module[]

  constructor(items: readonly Module[]) {
    super()
    this.items = items
  }

  override children(): [string, Module][] {
    return this.items.map((item, i) => [String(i), item])
  }

  override forward(): Tensor {
    return fail('ModuleList', 'forward was called', 'call its items')
  }
}
