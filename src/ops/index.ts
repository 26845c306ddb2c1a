export {
  celu,
  elu,
  glu,
  hardshrink,
  hardsigmoid,
  hardswish,
  hardtanh,
  logSigmoid,
  mish,
  prelu,
  relu6,
  selu,
  softshrink,
  softsign,
  threshold,
} from './activation.ts'
export {
  add,
  clamp,
  div,
  equal,
  greater,
  greaterEqual,
  less,
  lessEqual,
  log,
  logicalAnd,
  logicalNot,
  logicalOr,
  logicalXor,
  maximum,
  minimum,
  mul,
  neg,
  notEqual,
  onesLike,
  pow,
  sub,
  where,
  zerosLike,
} from './arithmetic.ts'
export { type AttentionOptions, scaledDotProductAttention } from './attention.ts'
export { checkpoint } from './checkpoint.ts'
export { eye, linspace, maskedFill, meshgrid, tril, triu } from './construct.ts'
export { type ConvOptions, conv2d } from './conv.ts'
export {
  type Conv1dOptions,
  type ConvTranspose1dOptions,
  type ConvTransposeOptions,
  conv1d,
  convTranspose1d,
  convTranspose2d,
} from './conv-transpose.ts'
export { cummax, cummin, cumprod } from './cumulative.ts'
export {
  bceLoss,
  type CosineEmbeddingOptions,
  type CosineOptions,
  cosineEmbeddingLoss,
  cosineSimilarity,
  type HuberOptions,
  huberLoss,
  type KlDivOptions,
  klDivLoss,
  nllLoss,
  type SmoothL1Options,
  smoothL1Loss,
} from './distance-loss.ts'
export { einsum } from './einsum.ts'
export { cast, full, type Operandish } from './elementwise.ts'
export { exp2, expm1, log1p, log2 } from './exponential.ts'
export { embedding, gather, oneHot, take } from './gather.ts'
export { type GroupNormOptions, groupNorm, instanceNorm } from './group-norm.ts'
export { pixelShuffle, pixelUnshuffle, reflectionPad, replicationPad } from './images.ts'
export { type LayerNormOptions, layerNorm, type RmsNormOptions, rmsNorm } from './layer-norm.ts'
export {
  type BceOptions,
  type BceWithLogitsOptions,
  bceWithLogits,
  type CrossEntropyOptions,
  crossEntropy,
  type LossOptions,
  l1Loss,
  mseLoss,
  type NllOptions,
  type Reduction,
} from './loss.ts'
export { matmul } from './matmul.ts'
export {
  arange,
  concat,
  flatten,
  ones,
  pad,
  permute,
  type SliceRange,
  slice,
  squeeze,
  stack,
  transpose,
  unsqueeze,
  zeros,
} from './movement.ts'
export { type BatchNormOptions, type BatchNormResult, batchNorm } from './norm.ts'
export { type AvgPoolOptions, avgPool2d, globalAvgPool2d, maxPool2d, type PoolOptions } from './pool.ts'
export { cdist, diagonal, dot, normalize, outer, squaredDistances, trace } from './products.ts'
export { bincount, median, quantile } from './quantile.ts'
export { dropout, type Generator, generator, hostScalar, manualSeed, rand, randn, randomBits } from './random.ts'
export { type RecurrentOptions, type RecurrentResult, recurrent } from './recurrent.ts'
export type { Cell } from './recurrent-cell.ts'
export { type Axes, argmax, expand, logSumExp, max, mean, min, prod, sum } from './reduce.ts'
export { reshape } from './reshape.ts'
export { adaptiveAvgPool2d, adaptiveMaxPool2d, type ResizeOptions, resize } from './resize.ts'
export { ceil, floor, floorDivide, isFinite, isNaN, remainder, round, trunc } from './rounding.ts'
export { bernoulli, type GumbelOptions, gumbelSoftmax, multinomial, randint, randperm } from './sampling.ts'
export { cumsum } from './scan.ts'
export { scatter, scatterAdd } from './scatter.ts'
export { logSoftmax, softmax } from './softmax.ts'
export { argsort, type Sorted, sort, topk } from './sort.ts'
export {
  allClose,
  type CloseOptions,
  erfinv,
  hypot,
  isClose,
  lerp,
  logAddExp,
  nanToNum,
  reciprocal,
} from './special.ts'
export { all, any, argmin, norm, std, variance } from './statistics.ts'
export { chunk, flip, repeatInterleave, roll, split, tile } from './tiling.ts'
export { acos, acosh, asin, asinh, atan, atan2, atanh, cosh, sinh, tan } from './trigonometry.ts'
export {
  abs,
  cos,
  erf,
  exp,
  gelu,
  leakyRelu,
  relu,
  rsqrt,
  sigmoid,
  sign,
  silu,
  sin,
  softplus,
  sqrt,
  square,
  tanh,
} from './unary.ts'
export type { PairOption } from './window.ts'
