export { Adam, type AdamOptions, AdamW } from './adam.ts'
export { Optimizer, type ParameterGroup } from './optimizer.ts'
export { SGD, type SGDOptions } from './sgd.ts'
