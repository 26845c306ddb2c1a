import { fail } from '../../errors.ts'
import { formatShape, numel } from '../../shape.ts'

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

/** @internal The rows and columns of scores [..., classes], each row belonging to one of `rows` targets. */
export function classRows(op: string, output: HostValues, target: HostValues): { rows: number; classes: number } {
  checkValues(op, 'output', output)
  checkValues(op, 'target', target)
  const classes = output.shape[output.shape.length - 1] ?? 0
  const rows = numel(target.shape)
  if (classes === 0 || output.shape.length === 0 || rows * classes !== output.data.length)
    fail(
      op,
      `the output is ${formatShape(output.shape)} and the target ${formatShape(target.shape)}`,
      'the output needs a row of scores for each target, classes along its last axis',
    )
  return { rows, classes }
}

/** @internal The class of a row's target, checked. */
export function classOf(op: string, target: HostValues, row: number, classes: number): number {
  const label = target.data[row] as number
  if (!(Number.isInteger(label) && label >= 0 && label < classes))
    fail(op, `target ${row} is ${label}`, `it must be a class from 0 to ${classes - 1}`)
  return label
}

/** @internal Throws for NaN, naming where it is. */
export function checkNumbers(op: string, name: string, { data }: HostValues): void {
  for (let i = 0; i < data.length; i++)
    if (Number.isNaN(data[i])) fail(op, `${name} ${i} is NaN`, 'a metric of NaN says nothing: look at the loss first')
}

/** @internal Outputs and targets one to one, checked; answers how many there are. */
export function checkPairs(op: string, output: HostValues, target: HostValues): number {
  checkValues(op, 'output', output)
  checkValues(op, 'target', target)
  if (output.data.length !== target.data.length)
    fail(
      op,
      `the output is ${formatShape(output.shape)} and the target ${formatShape(target.shape)}`,
      'they must have one value for each other',
    )
  checkNumbers(op, 'output', output)
  checkNumbers(op, 'target', target)
  return output.data.length
}

/** @internal Throws where nothing was taken in. */
export function needValues(op: string, count: number): void {
  if (count === 0) fail(op, 'no values were given', 'call update with at least one before compute')
}

function checkValues(op: string, name: string, { data, shape }: HostValues): void {
  if (numel(shape) !== data.length)
    fail(op, `the ${name} has ${data.length} values and shape ${formatShape(shape)}`, 'one value for each element')
}
