/** A curve's state as plain data, to be kept in a checkpoint. */
export interface CurveState {
  readonly stride: number
  readonly means: readonly number[]
  /** Sum and number of the values that fill no point yet. */
  readonly sum: number
  readonly count: number
}

/** More points than this are halved in number. */
const most = 400

/**
 * A curve of any length in few points: each is the mean of `stride` values, and `stride` doubles whenever there are too many.
 */
export class Curve {
  #stride = 1
  #means: number[] = []
  #sum = 0
  #count = 0

  /** The next value. */
  add(value: number): void {
    this.#sum += value
    if (++this.#count < this.#stride) return
    this.#means.push(this.#sum / this.#count)
    this.#sum = 0
    this.#count = 0
    if (this.#means.length >= most) this.#halve()
  }

  /** The points: how many values came up to the end of each, and their means. */
  points(): { x: Float64Array<ArrayBuffer>; y: Float64Array<ArrayBuffer> } {
    const y = Float64Array.from(this.#means)
    return { x: y.map((_, i) => (i + 1) * this.#stride), y }
  }

  /** All that decides the points to come. */
  state(): CurveState {
    return { stride: this.#stride, means: [...this.#means], sum: this.#sum, count: this.#count }
  }

  /** Goes on from a state. */
  restore({ stride, means, sum, count }: CurveState): void {
    this.#stride = stride
    this.#means = [...means]
    this.#sum = sum
    this.#count = count
  }

  #halve(): void {
    this.#stride *= 2
    this.#means = Array.from({ length: this.#means.length / 2 }, (_, i) => {
      const [first = 0, second = 0] = this.#means.slice(2 * i, 2 * i + 2)
      return (first + second) / 2
    })
  }
}
