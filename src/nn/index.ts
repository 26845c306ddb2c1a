export {
  Dropout,
  Flatten,
  GELU,
  LeakyReLU,
  LogSoftmax,
  ReLU,
  Sigmoid,
  SiLU,
  Softmax,
  Softplus,
  Tanh,
} from './activation.ts'
export { ModuleList, Sequential } from './container.ts'
export { AvgPool2d, Conv2d, type Conv2dOptions, MaxPool2d, type Pair, type PoolOptions } from './conv.ts'
export * as init from './init.ts'
export { Embedding, Linear } from './linear.ts'
export { Module, type StateDict, type StateEntry } from './module.ts'
export { BatchNorm2d, LayerNorm } from './norm.ts'
export { Buffer, Counter, Parameter } from './parameter.ts'
