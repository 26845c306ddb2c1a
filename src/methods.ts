import type { DType } from './dtype.ts'
import { Tensor } from './graph/tensor.ts'
import { add, div, equal, greater, less, log, mul, neg, pow, sub } from './ops/arithmetic.ts'
import { cast } from './ops/elementwise.ts'
import { matmul } from './ops/matmul.ts'
import { flatten, permute, type SliceRange, slice, squeeze, transpose, unsqueeze } from './ops/movement.ts'
import { argmax, expand, max, mean, sum } from './ops/reduce.ts'
import { reshape } from './ops/reshape.ts'
import { exp, relu, sigmoid, sqrt, tanh } from './ops/unary.ts'

type Operandish = Tensor | number
type Axes = number | readonly number[] | undefined

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

/** Gives tensors their methods. */
export function installMethods(): void {
  const methods: {
    readonly [K in keyof TensorMethods]: (this: Tensor, ...args: Parameters<TensorMethods[K]>) => Tensor
  } = {
    add(b) {
      return add(this, b)
    },
    sub(b) {
      return sub(this, b)
    },
    mul(b) {
      return mul(this, b)
    },
    div(b) {
      return div(this, b)
    },
    pow(y) {
      return pow(this, y)
    },
    neg() {
      return neg(this)
    },
    exp() {
      return exp(this)
    },
    log() {
      return log(this)
    },
    sqrt() {
      return sqrt(this)
    },
    relu() {
      return relu(this)
    },
    sigmoid() {
      return sigmoid(this)
    },
    tanh() {
      return tanh(this)
    },
    equal(b) {
      return equal(this, b)
    },
    greater(b) {
      return greater(this, b)
    },
    less(b) {
      return less(this, b)
    },
    cast(dtype) {
      return cast(this, dtype)
    },
    matmul(b) {
      return matmul(this, b)
    },
    sum(axes, keepdim) {
      return sum(this, axes, keepdim)
    },
    mean(axes, keepdim) {
      return mean(this, axes, keepdim)
    },
    max(axes, keepdim) {
      return max(this, axes, keepdim)
    },
    argmax(axis, keepdim) {
      return argmax(this, axis, keepdim)
    },
    reshape(shape) {
      return reshape(this, shape)
    },
    flatten(start, end) {
      return flatten(this, start, end)
    },
    permute(axes) {
      return permute(this, axes)
    },
    transpose(a, b) {
      return transpose(this, a, b)
    },
    expand(shape) {
      return expand(this, shape)
    },
    unsqueeze(axis) {
      return unsqueeze(this, axis)
    },
    squeeze(axis) {
      return squeeze(this, axis)
    },
    slice(ranges) {
      return slice(this, ranges)
    },
  }
  for (const [name, value] of Object.entries(methods)) {
    Object.defineProperty(Tensor.prototype, name, { value, writable: true, configurable: true })
  }
}
