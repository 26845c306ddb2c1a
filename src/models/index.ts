/**
 * Models whose published weights load by their own keys.
 *
 * @module wgrad/models
 */

export { type AttributionOptions, explainText, type TextExplanation, tokenAttributions } from './bert/attributions.ts'
export { type BertActivation, type BertConfig, type BertConfigFile, bertConfig } from './bert/config.ts'
export { type BertGroup, type BertGroupOptions, bertGroups } from './bert/groups.ts'
export { BertForMaskedLM, BertForSequenceClassification } from './bert/heads.ts'
export { type LabelledTexts, type LabelledTextsOptions, readLabelledTexts } from './bert/labelled-texts.ts'
export { dropWords, ignoredTarget, type MaskingOptions, maskTokens, type TextRows } from './bert/masking.ts'
export { type BertInputs, BertModel, type BertResult, type BertRunOptions } from './bert/model.ts'
export { groupByLength, TextDataset, type TextDatasetOptions } from './bert/text-dataset.ts'
export { type BertEncoding, BertTokenizer, type BertTokenizerOptions, type TokenSource } from './bert/tokenizer.ts'
export {
  specialTokens,
  type WordPieceOptions,
  type WordVocabularyOptions,
  wordPieceJson,
  wordVocabulary,
} from './bert/vocabulary.ts'
export { type LoadBertOptions, type LoadedBert, loadBertWeights } from './bert/weights.ts'
export { Autoencoder, paperWidths } from './clustering/autoencoder.ts'
export { assignmentLoss, DeepClustering, softAssignment, targetDistribution } from './clustering/dec.ts'
export { type Embedding, embed } from './clustering/embed.ts'
export { type KMeansOptions, type KMeansResult, kMeans } from './clustering/k-means.ts'
export {
  type PretrainOptions,
  type PretrainTraining,
  pretrainAutoencoder,
  reconstructionLoss,
} from './clustering/pretrain.ts'
export { adjustedRandIndex, clusteringAccuracy, normalizedMutualInformation } from './clustering/scores.ts'
export {
  type ClusterOptions,
  type ClusterResult,
  type ClusterUpdate,
  placeCenters,
  trainClusters,
} from './clustering/train-clusters.ts'
export { type ForecastData, type ForecastDataOptions, forecastData } from './forecaster/forecast-data.ts'
export { Forecaster, type ForecasterConfig } from './forecaster/forecaster.ts'
export { forecastNext, forecastWindows, naiveForecast, windowTargets } from './forecaster/forecasts.ts'
export { fitLinear, type LinearForecast } from './forecaster/linear-forecast.ts'
export { maskedMseLoss, pinballLoss } from './forecaster/losses.ts'
export {
  type ForecastLayout,
  type ForecastScore,
  forecastScores,
  levelOf,
  type QuantileScore,
  quantileScores,
  uncrossed,
} from './forecaster/scores.ts'
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
export {
  type ImageTransform,
  imagenetMean,
  imagenetStd,
  normalizeChannels,
  type RandomResizedCropOptions,
  randomCrop,
  randomHorizontalFlip,
  randomResizedCrop,
} from './vision/augment.ts'
export { parseClassNames } from './vision/class-names.ts'
export {
  type ImageArchitecture,
  type ImageModelConfig,
  imageArchitectures,
  imageModel,
  isLargeImageModel,
  type LargeImageArchitecture,
  type LoadedImageModel,
  loadImageModel,
  saveImageModel,
} from './vision/image-model.ts'
export { type Mixed, mixedLoss, mixup } from './vision/mixup.ts'
export {
  type ClassProbability,
  gradCam,
  type ImagePrediction,
  imageInput,
  predictImages,
  topClasses,
} from './vision/predict.ts'
export { type ImageTaskOptions, imageTask } from './vision/task.ts'
