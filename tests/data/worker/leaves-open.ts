import { Worker } from 'node:worker_threads'
import { workerDataset } from '../../../src/data/worker-dataset.ts'

// A program that never closes its dataset, and must end all the same.
const dataset = await workerDataset<'y'>(() => new Worker(new URL('./samples.mjs', import.meta.url)))
const asked = [1, 2, 3].map((index) => dataset.batch(Uint32Array.of(index)))
const batches = await Promise.all(asked)
process.stdout.write(batches.map(({ y }) => y.data[0]).join(' '))
