/**
 * Optimizers, schedules of the learning rate, clipping, accumulation and averages of weights.
 *
 * @module wgrad/optim
 */

export { type AccumulatorState, GradientAccumulator } from './accumulate.ts'
export { Adagrad, type AdagradOptions } from './adagrad.ts'
export { Adam, type AdamOptions, AdamW } from './adam.ts'
export { clipNorm, clipValue, type NormClip, type ValueClip } from './clip.ts'
export { ExponentialMovingAverage } from './ema.ts'
export { type DecayGroup, decayGroups } from './groups.ts'
export { Lion, type LionOptions } from './lion.ts'
export { type GradientClip, Optimizer, type ParameterGroup } from './optimizer.ts'
export { RMSprop, type RMSpropOptions } from './rmsprop.ts'
export {
  chainedLR,
  cosineAnnealingLR,
  cosineAnnealingWarmRestartsLR,
  exponentialLR,
  linearLR,
  multiStepLR,
  type OneCycleMomentumOptions,
  type OneCycleOptions,
  oneCycleLR,
  oneCycleMomentum,
  polynomialLR,
  type Schedule,
  sequentialLR,
  stepLR,
} from './schedule.ts'
export {
  LRScheduler,
  type LRSchedulerOptions,
  type PlateauOptions,
  type PlateauState,
  ReduceLROnPlateau,
  type SchedulerState,
} from './scheduler.ts'
export { SGD, type SGDOptions } from './sgd.ts'
export { type AnyOptimizer, type ClipState, loadOptimizerState, type OptimizerState, optimizerState } from './state.ts'
