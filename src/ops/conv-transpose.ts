import { fail } from '../errors.ts'
import { needDtype } from '../graph/op.ts'
import { call1, type Tensor } from '../graph/tensor.ts'
import { formatShape } from '../shape.ts'
import { add } from './arithmetic.ts'
import { conv2d, convInputGradOp } from './conv.ts'
import { reshape } from './reshape.ts'
import { type PairOption, pairOf } from './window.ts'

/** Options of {@link conv1d}. */
export interface Conv1dOptions {
  /** One number for each output, [O]. */
  readonly bias?: Tensor | null
  /** Steps between windows; 1 unless given. */
  readonly stride?: number
  /** Zeros at both ends, or 'same': the output has the length of the input, which takes stride 1. */
  readonly padding?: number | 'same'
  /** Steps between the taps of a window; 1 unless given. */
  readonly dilation?: number
  /** Channels and outputs are cut into this many groups that do not mix; 1 unless given. */
  readonly groups?: number
}

/**
 * Convolution of sequences x [N, L, C] with weights w [O, K, C / groups] -> [N, P, O]. Throws when channels do not match or a window is
 * longer than the padded sequence.
 */
export function conv1d(x: Tensor, w: Tensor, options: Conv1dOptions = {}): Tensor {
  const { bias = null, stride = 1, padding = 0, dilation = 1, groups = 1 } = options
  checkLines('conv1d', x, w, '[outputs, length, channels / groups]')
  const [outputs = 0, taps = 0, depth = 0] = w.shape
  const [n = 0, length = 0, channels = 0] = x.shape
  if (depth * groups !== channels)
    fail('conv1d', shown(x, w), `x's last axis (${channels}) must equal w's (${depth}) times groups (${groups})`)
  const y = conv2d(reshape(x, [n, 1, length, channels]), reshape(w, [outputs, 1, taps, depth]), {
    bias,
    stride: [1, stride],
    padding: padding === 'same' ? padding : [0, padding],
    dilation: [1, dilation],
    groups,
  })
  return reshape(y, [n, y.shape[2] as number, outputs])
}

/** Options of {@link convTranspose2d}. */
export interface ConvTransposeOptions {
  /** One number for each output, [O]. */
  readonly bias?: Tensor | null
  /** Pixels between what neighbouring inputs write; 1 unless given. */
  readonly stride?: PairOption
  /** Pixels cut off around the output; 0 unless given. */
  readonly padding?: PairOption
  /** Pixels added below and to the right; less than the stride, 0 unless given. */
  readonly outputPadding?: PairOption
  /** Pixels between the taps of a window; 1 unless given. */
  readonly dilation?: PairOption
  /** Channels and outputs are cut into this many groups that do not mix; 1 unless given. */
  readonly groups?: number
}

/**
 * The transpose of a convolution, its gradient with respect to its input: x [N, H, W, C] with weights w [C, KH, KW, O / groups] ->
 * [N, P, Q, O], where P = (H - 1) stride - 2 padding + dilation (KH - 1) + outputPadding + 1.
 */
export function convTranspose2d(x: Tensor, w: Tensor, options: ConvTransposeOptions = {}): Tensor {
  const op = 'convTranspose2d'
  const { bias = null, groups = 1 } = options
  needDtype(op, 'x', x, 'f32', 'f16')
  needDtype(op, 'w', w, 'f32', 'f16')
  if (x.shape.length !== 4 || w.shape.length !== 4 || w.size === 0) {
    const wanted = 'x must be [images, height, width, channels] and w [channels, height, width, outputs / groups]'
    fail(op, shown(x, w), wanted)
  }
  if (!Number.isInteger(groups) || groups < 1 || (w.shape[0] as number) % groups !== 0)
    fail(op, `groups is ${groups} and ${shown(x, w)}`, "it must divide w's first axis")
  if (x.shape[3] !== w.shape[0])
    fail(op, shown(x, w), `x's last axis (${x.shape[3]}) must equal w's first (${w.shape[0]})`)
  const stride = pairOf(op, 'stride', options.stride ?? 1, 1)
  const padding = pairOf(op, 'padding', options.padding ?? 0, 0)
  const outputPadding = pairOf(op, 'outputPadding', options.outputPadding ?? 0, 0)
  const dilation = pairOf(op, 'dilation', options.dilation ?? 1, 1)
  if (outputPadding.some((p, d) => p >= (stride[d] as number)))
    fail(
      op,
      `outputPadding is ${formatShape(outputPadding)}`,
      `it must be less than the stride, ${formatShape(stride)}`,
    )
  const size = stride.map((s, d) => {
    const reach = (dilation[d] as number) * ((w.shape[d + 1] as number) - 1) + 1
    const inputs = x.shape[d + 1] as number
    return inputs < 1 ? 0 : (inputs - 1) * s - 2 * (padding[d] as number) + reach + (outputPadding[d] as number)
  })
  if (size.some((s) => s < 1))
    fail(op, `${shown(x, w)} with padding ${formatShape(padding)}`, 'at least one pixel must be left')
  const outputs = (w.shape[3] as number) * groups
  if (bias && (bias.shape.length !== 1 || bias.shape[0] !== outputs))
    fail(op, `bias is ${formatShape(bias.shape)} and ${shown(x, w)}`, `bias must be [${outputs}]`)
  const y = call1(convInputGradOp, [x, w], { stride, padding, dilation, groups, size })
  return bias ? add(y, bias) : y
}

/** Options of {@link convTranspose1d}. */
export interface ConvTranspose1dOptions {
  /** One number for each output, [O]. */
  readonly bias?: Tensor | null
  /** Steps between what neighbouring inputs write; 1 unless given. */
  readonly stride?: number
  /** Steps cut off at both ends; 0 unless given. */
  readonly padding?: number
  /** Steps added at the end; less than the stride, 0 unless given. */
  readonly outputPadding?: number
  /** Steps between the taps of a window; 1 unless given. */
  readonly dilation?: number
  /** Channels and outputs are cut into this many groups that do not mix; 1 unless given. */
  readonly groups?: number
}

/** As {@link convTranspose2d} for sequences: x [N, L, C] with weights w [C, K, O / groups] -> [N, P, O]. */
export function convTranspose1d(x: Tensor, w: Tensor, options: ConvTranspose1dOptions = {}): Tensor {
  checkLines('convTranspose1d', x, w, '[channels, length, outputs / groups]')
  const { bias = null, stride = 1, padding = 0, outputPadding = 0, dilation = 1, groups = 1 } = options
  const [n = 0, length = 0, channels = 0] = x.shape
  const [inputs = 0, taps = 0, depth = 0] = w.shape
  const y = convTranspose2d(reshape(x, [n, 1, length, channels]), reshape(w, [inputs, 1, taps, depth]), {
    bias,
    stride: [1, stride],
    padding: [0, padding],
    outputPadding: [0, outputPadding],
    dilation: [1, dilation],
    groups,
  })
  return reshape(y, [n, y.shape[2] as number, depth * groups])
}

function shown(x: Tensor, w: Tensor): string {
  return `x is ${formatShape(x.shape)} and w is ${formatShape(w.shape)}`
}

function checkLines(op: string, x: Tensor, w: Tensor, weights: string): void {
  if (x.shape.length !== 3 || w.shape.length !== 3)
    fail(op, shown(x, w), `x must be [sequences, length, channels] and w ${weights}`)
}
