import { fail } from '../errors.ts'
import type { Tensor } from '../graph/tensor.ts'
import { Module } from './module.ts'
import type { Parameter } from './parameter.ts'

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

/** Modules by name that are called by hand; state-dict keys are the names. */
export class ModuleDict extends Module {
  readonly items: Readonly<Record<string, Module>>

  constructor(items: Readonly<Record<string, Module>>) {
    super()
    this.items = items
  }

  /** The module of that name. Throws where there is none. */
  get(name: string): Module {
    if (Object.hasOwn(this.items, name)) return this.items[name] as Module
    return fail('ModuleDict', `there is no ${name}`, `it has ${Object.keys(this.items).join(', ')}`)
  }

  override children(): [string, Module][] {
    return Object.entries(this.items)
  }

  override forward(): Tensor {
    return fail('ModuleDict', 'forward was called', 'call its items')
  }
}

/** A list of parameters that are used by hand; state-dict keys are their numbers. */
export class ParameterList extends Module {
  readonly items: readonly Parameter[]

  constructor(items: readonly Parameter[]) {
    super()
    this.items = items
  }

  /** @internal */
  override namedState(prefix = ''): [string, Parameter, Module, string][] {
    return this.items.map((item, i) => [`${prefix}${i}`, item, this, String(i)])
  }

  override forward(): Tensor {
    return fail('ParameterList', 'forward was called', 'use its items')
  }
}
