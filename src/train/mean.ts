/** A mean of values with weights, in double precision. */
export class Mean {
  private sum = 0
  /** Sum of the weights. */
  count = 0

  add(value: number, weight: number): void {
    this.sum += value * weight
    this.count += weight
  }

  /** NaN where nothing was added. */
  get value(): number {
    return this.sum / this.count
  }

  get state(): readonly [number, number] {
    return [this.sum, this.count]
  }

  set state([sum, count]: readonly [number, number]) {
    this.sum = sum
    this.count = count
  }
}
