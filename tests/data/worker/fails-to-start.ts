import { serveDataset } from '../../../src/data/serve-dataset.ts'

serveDataset(Promise.reject(new RangeError('the file is not there')))
