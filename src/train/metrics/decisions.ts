import { fail } from '../../errors.ts'
import { formatShape, numel } from '../../shape.ts'
import { type HostValues, needNumbers } from './metric.ts'

/** Options of metrics that look at the class a model decides for. */
export interface DecisionOptions {
  /**
   * For outputs of one score each, which tell class 1 from class 0: a score above it is class 1. 0 unless given, which suits logits;
   * probabilities take 0.5.
   */
  readonly threshold?: number
}

/** Scores [..., classes], a row for each target. */
export interface ScoreRows {
  readonly rows: number
  readonly classes: number
}

/** The rows and columns of scores, checked. */
export function scoreRows(op: string, output: HostValues, target: HostValues): ScoreRows {
  const classes = output.shape[output.shape.length - 1] ?? 0
  const rows = numel(target.shape)
  if (classes === 0 || rows * classes !== output.data.length || rows !== target.data.length)
    fail(
      op,
      `the output is ${formatShape(output.shape)} and the target ${formatShape(target.shape)}`,
      'the output needs a row of scores for each target, classes along its last axis',
    )
  needNumbers(op, 'output', output)
  return { rows, classes }
}

/** The class of a row's target, checked. */
export function classOf(op: string, target: HostValues, row: number, classes: number): number {
  const label = target.data[row] as number
  if (!(Number.isInteger(label) && label >= 0 && label < classes))
    fail(op, `target ${row} is ${label}`, `it must be a class from 0 to ${classes - 1}`)
  return label
}

/**
 * Tells `fn` of each target's class and the one decided for: that of the highest score, among equals the first, or by the threshold where
 * there is one score for each target.
 */
export function decide(
  op: string,
  { threshold = 0 }: DecisionOptions,
  output: HostValues,
  target: HostValues,
  fn: (truth: number, decided: number, classes: number) => void,
): void {
  const isOneEach = output.data.length === target.data.length
  const { rows, classes } = isOneEach ? { rows: target.data.length, classes: 2 } : scoreRows(op, output, target)
  if (isOneEach) needNumbers(op, 'output', output)
  for (let row = 0; row < rows; row++) {
    const decided = isOneEach
      ? Number((output.data[row] as number) > threshold)
      : highest(output.data, row * classes, classes)
    fn(classOf(op, target, row, classes), decided, classes)
  }
}

function highest(data: ArrayLike<number>, start: number, classes: number): number {
  let best = 0
  for (let c = 1; c < classes; c++) if ((data[start + c] as number) > (data[start + best] as number)) best = c
  return best
}
