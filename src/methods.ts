import type { DType } from './dtype.ts'
import { Tensor } from './graph/tensor.ts'
import { add, div, equal, greater, less, log, mul, neg, pow, sub } from './ops/arithmetic.ts'
import { cast, type Operandish } from './ops/elementwise.ts'
import { matmul } from './ops/matmul.ts'
import { flatten, permute, type SliceRange, slice, squeeze, transpose, unsqueeze } from './ops/movement.ts'
import { type Axes, argmax, expand, max, mean, sum } from './ops/reduce.ts'
import { reshape } from './ops/reshape.ts'
import { exp, relu, sigmoid, sqrt, tanh } from './ops/unary.ts'

/** The functions that tensors also have as methods; each is documented where the function is. */
export interface TensorMethods {
  add(b: Operandish): Tensor
  sub(b: Operandish): Tensor
  mul(b: Operandish): Tensor
  div(b: Operandish): Tensor
  pow(y: Operandish): Tensor
  neg(): Tensor
  exp(): Tensor
  log(): Tensor
  sqrt(): Tensor
  relu(): Tensor
  sigmoid(): Tensor
  tanh(): Tensor
  equal(b: Operandish): Tensor
  greater(b: Operandish): Tensor
  less(b: Operandish): Tensor
  cast(dtype: DType): Tensor
  matmul(b: Tensor): Tensor
  sum(axes?: Axes, keepdim?: boolean): Tensor
  mean(axes?: Axes, keepdim?: boolean): Tensor
  max(axes?: Axes, keepdim?: boolean): Tensor
  argmax(axis?: number, keepdim?: boolean): Tensor
  reshape(shape: readonly number[]): Tensor
  flatten(start?: number, end?: number): Tensor
  permute(axes: readonly number[]): Tensor
  transpose(a?: number, b?: number): Tensor
  expand(shape: readonly number[]): Tensor
  unsqueeze(axis: number): Tensor
  squeeze(axis: number): Tensor
  slice(ranges: readonly SliceRange[]): Tensor
}

declare module './graph/tensor.ts' {
  interface Tensor extends TensorMethods {}
}

/** Gives tensors their methods: each is the function of that name with the tensor as its first argument. */
export function installMethods(): void {
  const functions: {
    readonly [K in keyof TensorMethods]: (x: Tensor, ...args: Parameters<TensorMethods[K]>) => Tensor
  } = {
    add,
    sub,
    mul,
    div,
    pow,
    neg,
    exp,
    log,
    sqrt,
    relu,
    sigmoid,
    tanh,
    equal,
    greater,
    less,
    cast,
    matmul,
    sum,
    mean,
    max,
    argmax,
    reshape,
    flatten,
    permute,
    transpose,
    expand,
    unsqueeze,
    squeeze,
    slice,
  }
  for (const [name, apply] of Object.entries(functions)) {
    const call = apply as (x: Tensor, ...args: readonly unknown[]) => Tensor
    Object.defineProperty(Tensor.prototype, name, {
      value(this: Tensor, ...args: readonly unknown[]): Tensor {
        return call(this, ...args)
      },
      writable: true,
      configurable: true,
    })
  }
}
