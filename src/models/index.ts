/**
 * Models whose published weights load by their own keys.
 *
 * @module wgrad/models
 */

export { type BertActivation, type BertConfig, type BertConfigFile, bertConfig } from './bert/config.ts'
export { BertForMaskedLM, BertForSequenceClassification } from './bert/heads.ts'
export { type BertInputs, BertModel, type BertResult, type BertRunOptions } from './bert/model.ts'
export { BasicBlock, Bottleneck, ResidualBlock, type Shortcut } from './resnet/block.ts'
export { type CifarResNet, type CifarResNetOptions, resnet20, resnet32, resnet56 } from './resnet/cifar.ts'
export { ImageClassifier } from './resnet/classifier.ts'
export {
  type ResNet,
  type ResNetOptions,
  resnet18,
  resnet34,
  resnet50,
  resnet101,
  resnet152,
} from './resnet/resnet.ts'
