/**
 * Modules, with PyTorch's names and state-dict keys.
 *
 * @module wgrad/nn
 */

export {
  Dropout,
  Dropout2d,
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
export { type AttentionMasks, MultiheadAttention, type MultiheadAttentionOptions } from './attention.ts'
export { BatchNorm1d, BatchNorm2d, type BatchNormModuleOptions } from './batch-norm.ts'
export { Bilinear } from './bilinear.ts'
export { ModuleDict, ModuleList, ParameterList, Sequential } from './container.ts'
export { AvgPool2d, Conv2d, type Conv2dOptions, MaxPool2d, type Pair, type PoolOptions } from './conv.ts'
export {
  Conv1d,
  type Conv1dOptions,
  ConvTranspose1d,
  type ConvTranspose1dOptions,
  ConvTranspose2d,
  type ConvTranspose2dOptions,
} from './conv-transpose.ts'
export { GroupNorm, RMSNorm } from './group-norm.ts'
export { type ForwardHook, registerForwardHook } from './hooks.ts'
export * as init from './init.ts'
export { InstanceNorm1d, InstanceNorm2d, type InstanceNormOptions } from './instance-norm.ts'
export { type CachedPositions, KeyValueCache } from './key-value-cache.ts'
export {
  type Edges,
  PixelShuffle,
  PixelUnshuffle,
  ReflectionPad2d,
  ReplicationPad2d,
  Unflatten,
  ZeroPad2d,
} from './layout.ts'
export { Embedding, Linear } from './linear.ts'
export {
  BCELoss,
  BCEWithLogitsLoss,
  CosineEmbeddingLoss,
  CosineSimilarity,
  CrossEntropyLoss,
  HuberLoss,
  KLDivLoss,
  L1Loss,
  MSELoss,
  NLLLoss,
  SmoothL1Loss,
} from './loss.ts'
export { Module, type StateDict, type StateEntry } from './module.ts'
export { LayerNorm } from './norm.ts'
export { Buffer, Counter, Parameter } from './parameter.ts'
export { AvgPool1d, MaxPool1d, type Pool1dOptions } from './pool-1d.ts'
export { RotaryEmbedding, type RotaryOptions, SinusoidalPositions } from './positions.ts'
export {
  CELU,
  ELU,
  GLU,
  Hardsigmoid,
  Hardswish,
  Hardtanh,
  Identity,
  LogSigmoid,
  Mish,
  PReLU,
  ReLU6,
  SELU,
  Softsign,
} from './rectifier.ts'
export {
  GRU,
  LSTM,
  type LSTMOptions,
  type RecurrentLayerOptions,
  RNN,
  type SequenceOptions,
  type SequenceResult,
} from './recurrent.ts'
export { GRUCell, LSTMCell, type RecurrentCellOptions, RNNCell } from './recurrent-cell.ts'
export { AdaptiveAvgPool2d, AdaptiveMaxPool2d, Upsample, type UpsampleOptions } from './resize.ts'
export type { RunningNormOptions } from './running-norm.ts'
export { type Summary, type SummaryRow, summary } from './summary.ts'
export {
  type DecoderMasks,
  type EncodeOptions,
  type EncoderMasks,
  TransformerDecoder,
  TransformerDecoderLayer,
  TransformerEncoder,
  TransformerEncoderLayer,
  type TransformerLayerOptions,
} from './transformer.ts'
