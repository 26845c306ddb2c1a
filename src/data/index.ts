/**
 * Datasets, batches, files and downloads.
 *
 * @module wgrad/data
 */

export { type ByteCache, openCache } from './byte-cache.ts'
export {
  type CsvColumn,
  type CsvColumnInfo,
  type CsvColumnKind,
  type CsvOptions,
  type CsvTable,
  inspectCsv,
  readCsv,
  stackColumns,
} from './csv.ts'
export { ArrayDataset, type BatchDtype, type Dataset, type Field, type HostArray, type NumberArray } from './dataset.ts'
export { type FetchCachedOptions, fetchCached } from './fetch-cached.ts'
export { type DrawnDigits, drawDigits } from './glyphs.ts'
export { type Idx, type IdxDtype, parseIdx, readIdx } from './idx.ts'
export { type ImageToTensorOptions, imageToTensor, toImageData, toPixels } from './image-tensor.ts'
export { imageDataset } from './images.ts'
export { DataLoader, type DataLoaderOptions, type LoaderState } from './loader.ts'
export { type MnistFile, mnistFiles } from './mnist.ts'
export {
  type FitNormalizerOptions,
  fitNormalizer,
  type Normalizer,
  type NormalizerState,
  normalizer,
} from './normalizer.ts'
export type { ImageSource, Pixels } from './pixels.ts'
export { permutation, type Random, random } from './random.ts'
export { type Sampler, WeightedRandomSampler, type WeightedRandomSamplerOptions } from './sampler.ts'
export { forwardFill, type ReadSeriesOptions, readSeries, type Series } from './series.ts'
export { SeriesWindows, type SeriesWindowsOptions } from './series-windows.ts'
export { serveDataset } from './serve-dataset.ts'
export {
  type Fold,
  type FoldOptions,
  kFold,
  randomSplit,
  type SplitOptions,
  Subset,
  stratifiedFolds,
  stratifiedSplit,
} from './split.ts'
export { type BatchContext, type BatchTransform, collate, eachSample } from './transform.ts'
export { type WorkerDataset, type WorkerDatasetOptions, workerDataset } from './worker-dataset.ts'
export type { WorkerLike, WorkerPort } from './worker-port.ts'
