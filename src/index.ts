/**
 * Tensors, ops, gradients and compiled steps.
 *
 * @module wgrad
 */

import { installMethods, type TensorMethods } from './methods.ts'

export { grad } from './autograd.ts'
export type { DType, TypedArray } from './dtype.ts'
export { DeviceLostError, OutOfMemoryError, StaleOutputError, WgradError } from './errors.ts'
export type { AdapterChoice, DeviceInfo } from './gpu/adapter.ts'
export { type Device, type DeviceOptions, defaultDevice, openDevice, setDefaultDevice } from './gpu/device.ts'
export type { TuningStore } from './gpu/tuning-store.ts'
export type { PinOptions, StruckVariant, TunedWork, UnavailableVariant, VariantTable } from './gpu/variants.ts'
export {
  type Compiled,
  type CompileOptions,
  compile,
  type PrepareOptions,
  type StepCost,
  type StepOutputs,
  spec,
} from './graph/compile.ts'
export { type Profile, type ProfileRow, profile } from './graph/profile.ts'
export { detach, type NestedNumbers, noGrad, readAll, Tensor, type TensorOptions, tensor } from './graph/tensor.ts'
export type { Spec } from './graph/value.ts'
export * from './ops/index.ts'
export type { TensorMethods }

installMethods()
