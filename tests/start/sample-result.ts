import type { Digits, TrainResult } from '../../scripts/start/result.ts'
import { drawDigits } from '../../src/data/index.ts'

/** A run that never happened, with figures that look like one. */
export function sampleRun(): { result: TrainResult; digits: Digits } {
  const drawn = drawDigits(300, { seed: 4 })
  const digits = {
    images: drawn.images.data,
    labels: drawn.labels.data,
    train: 100,
    test: 200,
    source: 'made-up digits',
  }
  const labels = Array.from(digits.labels.subarray(100))
  const steps = Array.from({ length: 250 }, (_, i) => (i + 1) * 2)
  const kernel = (name: string, dispatches: number, ms: number): TrainResult['profile'][number] => ({
    kernel: name,
    dispatches,
    ms,
    flops: 2e7,
    bytes: 3e6,
  })
  const result: TrainResult = {
    adapter: { name: 'SwiftShader Device (Subzero)', software: true, where: 'Node' },
    options: { epochs: 3, batchSize: 64, learningRate: 1e-3, seed: 0 },
    source: digits.source,
    train: 100,
    test: 200,
    steps,
    losses: steps.map((step, i) => 2.3 * Math.exp(-step / 90) + 0.06 + 0.05 * Math.abs(Math.sin(i * 12.9898))),
    epochs: [
      { loss: 0.8891, accuracy: 0.931, seconds: 8.21 },
      { loss: 0.2543, accuracy: 0.962, seconds: 8.02 },
      { loss: 0.1501, accuracy: 0.975, seconds: 7.95 },
    ],
    stepsPerSecond: 15.53,
    parameters: 20490,
    perStep: { dispatches: 31, submits: 1, bytes: 41_234_567, flops: 1.23e8, peakBytes: 12_345_678, pipelines: 24 },
    profile: [kernel('conv/weight_grad', 2, 18.2), kernel('conv/forward', 2, 12.7), kernel('optim/adamw', 1, 0.61)],
    clock: 'timestamps',
    trace: '{}',
    predictions: labels.map((label, i) => (i % 40 === 7 ? (label + 3) % 10 : label)),
    confidence: labels.map((_, i) => (i % 40 === 7 ? 0.54 : 0.98)),
  }
  return { result, digits }
}
