import type { HostValues, Metric } from 'wgrad/train'

/** Test accuracy that keeps what was read and how surely, digit by digit. */
export class Predictions implements Metric {
  /** The digit read in each image. */
  read: Uint8Array<ArrayBuffer>
  /** The probability given to it, 0 to 1. */
  sure: Float32Array<ArrayBuffer>
  #at = 0
  #right = 0

  /** For so many images. */
  constructor(count: number) {
    this.read = new Uint8Array(count)
    this.sure = new Float32Array(count)
  }

  update(output: HostValues, target: HostValues): void {
    const classes = output.shape.at(-1) ?? 1
    for (let row = 0; row < target.data.length; row++) {
      const scores = Array.from({ length: classes }, (_, i) => output.data[row * classes + i] as number)
      const best = Math.max(...scores)
      const digit = scores.indexOf(best)
      this.read[this.#at] = digit
      this.sure[this.#at++] = 1 / scores.reduce((sum, score) => sum + Math.exp(score - best), 0)
      if (digit === target.data[row]) this.#right++
    }
  }

  compute(): number {
    return this.#right / this.#at
  }

  reset(): void {
    this.#at = 0
    this.#right = 0
  }
}
