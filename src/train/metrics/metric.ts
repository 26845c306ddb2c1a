import { fail } from '../../errors.ts'
import { formatShape } from '../../shape.ts'

/** Values that were read from a tensor: row-major, with the shape they had. */
export interface HostValues {
  readonly data: ArrayLike<number>
  readonly shape: readonly number[]
}

/** Something measured over the batches of an epoch. The values are read on the host, in double precision. */
export interface Metric<Result = number> {
  /** Takes in a batch: what the model gave, and what it should have given. */
  update(output: HostValues, target: HostValues): void
  /** The value over all batches since the last {@link reset}. Throws where they do not determine it. */
  compute(): Result
  /** Forgets all batches. */
  reset(): void
}

/** @internal Throws for NaN, naming where it is. */
export function needNumbers(op: string, name: string, { data }: HostValues): void {
  for (let i = 0; i < data.length; i++)
    if (Number.isNaN(data[i])) fail(op, `${name} ${i} is NaN`, 'it must be a number')
}

/** @internal Outputs and targets one to one, checked; answers how many there are. */
export function needPairs(op: string, output: HostValues, target: HostValues): number {
  if (output.data.length !== target.data.length)
    fail(
      op,
      `the output is ${formatShape(output.shape)} and the target ${formatShape(target.shape)}`,
      'they must have one value for each other',
    )
  needNumbers(op, 'output', output)
  needNumbers(op, 'target', target)
  return output.data.length
}

/** @internal Throws where nothing was taken in. */
export function needValues(op: string, count: number): void {
  if (count === 0) fail(op, 'there were no values', 'call update with some before compute')
}
