/** A file of the MNIST digits, with what it must be. */
export interface MnistFile {
  name: string
  url: string
  bytes: number
  sha256: string
}

function file(name: string, bytes: number, sha256: string): MnistFile {
  return { name, url: `https://storage.googleapis.com/cvdf-datasets/mnist/${name}`, bytes, sha256 }
}

/** MNIST's four files (LeCun, Cortes, Burges): 60,000 digits to train on and 10,000 to test with, as gzipped IDX. */
export const mnistFiles: Record<'trainImages' | 'trainLabels' | 'testImages' | 'testLabels', MnistFile> = {
  trainImages: file(
    'train-images-idx3-ubyte.gz',
    9_912_422,
    '440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609',
  ),
  trainLabels: file(
    'train-labels-idx1-ubyte.gz',
    28_881,
    '3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c',
  ),
  testImages: file(
    't10k-images-idx3-ubyte.gz',
    1_648_877,
    '8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6',
  ),
  testLabels: file(
    't10k-labels-idx1-ubyte.gz',
    4_542,
    'f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6',
  ),
}
