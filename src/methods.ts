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
  /** {@link add} of this tensor. */
  add(b: Operandish): Tensor
  /** {@link sub} of this tensor. */
  sub(b: Operandish): Tensor
  /** {@link mul} of this tensor. */
  mul(b: Operandish): Tensor
  /** {@link div} of this tensor. */
  div(b: Operandish): Tensor
  /** {@link pow} of this tensor. */
  pow(y: Operandish): Tensor
  /** {@link neg} of this tensor. */
  neg(): Tensor
  /** {@link exp} of this tensor. */
  exp(): Tensor
  /** {@link log} of this tensor. */
  log(): Tensor
  /** {@link sqrt} of this tensor. */
  sqrt(): Tensor
  /** {@link relu} of this tensor. */
  relu(): Tensor
  /** {@link sigmoid} of this tensor. */
  sigmoid(): Tensor
  /** {@link tanh} of this tensor. */
  tanh(): Tensor
  /** {@link equal} of this tensor. */
  equal(b: Operandish): Tensor
  /** {@link greater} of this tensor. */
  greater(b: Operandish): Tensor
  /** {@link less} of this tensor. */
  less(b: Operandish): Tensor
  /** {@link cast} of this tensor. */
  cast(dtype: DType): Tensor
  /** {@link matmul} of this tensor. */
  matmul(b: Tensor): Tensor
  /** {@link sum} of this tensor. */
  sum(axes?: Axes, keepdim?: boolean): Tensor
  /** {@link mean} of this tensor. */
  mean(axes?: Axes, keepdim?: boolean): Tensor
  /** {@link max} of this tensor. */
  max(axes?: Axes, keepdim?: boolean): Tensor
  /** {@link argmax} of this tensor. */
  argmax(axis?: number, keepdim?: boolean): Tensor
  /** {@link reshape} of this tensor. */
  reshape(shape: readonly number[]): Tensor
  /** {@link flatten} of this tensor. */
  flatten(start?: number, end?: number): Tensor
  /** {@link permute} of this tensor. */
  permute(axes: readonly number[]): Tensor
  /** {@link transpose} of this tensor. */
  transpose(a?: number, b?: number): Tensor
  /** {@link expand} of this tensor. */
  expand(shape: readonly number[]): Tensor
  /** {@link unsqueeze} of this tensor. */
  unsqueeze(axis: number): Tensor
  /** {@link squeeze} of this tensor. */
  squeeze(axis: number): Tensor
  /** {@link slice} of this tensor. */
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
