import { grad } from '../../autograd.ts'
import { fail } from '../../errors.ts'
import { detach, noGrad, type Tensor } from '../../graph/tensor.ts'
import { add, equal, mul, sub, where } from '../../ops/arithmetic.ts'
import { cast } from '../../ops/elementwise.ts'
import { arange, slice, stack, unsqueeze } from '../../ops/movement.ts'
import { argmax, expand, logSumExp, mean, sum } from '../../ops/reduce.ts'
import { reshape } from '../../ops/reshape.ts'
import { softmax } from '../../ops/softmax.ts'
import { formatShape } from '../../shape.ts'
import type { BertForSequenceClassification } from './heads.ts'
import type { BertInputs } from './model.ts'

/** Options of {@link tokenAttributions}. */
export interface AttributionOptions {
  /** The class that is asked about, a number or i32 []. */
  readonly target: number | Tensor
  /** Points between no words and the text at which slopes are taken; 16 unless given. */
  readonly steps?: number
}

const op = 'tokenAttributions'

/**
 * How much each token of a text speaks for a class, by integrated gradients (Sundararajan et al. 2017) from empty embeddings to those of
 * the text. The attributions add up to what the text changes in the log-odds of the class, the better the more `steps` there are.
 *
 * Shape: `inputIds` i32 [1, length] -> f32 [length]. The model should be in evaluation mode, and its embeddings must not be frozen.
 */
export function tokenAttributions(
  model: BertForSequenceClassification,
  inputs: Pick<BertInputs, 'inputIds' | 'attentionMask'>,
  { target, steps = 16 }: AttributionOptions,
): Tensor {
  const { inputIds, attentionMask } = inputs
  if (inputIds?.shape.length !== 2 || inputIds.shape[0] !== 1)
    return fail(op, `inputIds is ${formatShape(inputIds?.shape ?? [])}`, 'it must be [1, length]')
  if (!(Number.isInteger(steps) && steps >= 1)) fail(op, `steps is ${steps}`, 'it must be a whole number of at least 1')
  const table = model.bert.embeddings.wordEmbeddings
  if (!table.weight.requiresGrad)
    fail(op, 'the embeddings are frozen', 'let them train: model.bert.embeddings.requiresGrad_()')
  const { pad_token_id: padding } = model.bert.config
  const words = table.forward(inputIds)
  const empty = detach(slice(table.weight, [[padding, padding + 1]]))
  const share = mul(add(cast(arange(steps), 'f32'), 0.5), 1 / steps)
  const path = add(empty, mul(unsqueeze(unsqueeze(share, 1), 2), sub(words, empty)))
  const mask = attentionMask ? expand(attentionMask, [steps, ...attentionMask.shape.slice(1)]) : null
  const { logits } = model.run({ inputsEmbeds: path, attentionMask: mask })
  const isTarget = equal(arange(logits.shape[1] as number), target)
  const own = sum(where(isTarget, logits, 0), 1)
  const others = logSumExp(where(isTarget, -1e30, logits), 1)
  const [slope] = grad(sum(sub(own, others)), [path]) as [Tensor]
  const gained = mul(sub(detach(words), empty), mean(slope, 0, true))
  return sum(gained, [0, 2])
}

/** What {@link explainText} finds. */
export type TextExplanation = {
  /** [num_labels] */
  readonly probabilities: Tensor
  /** How much each token speaks for the likeliest class, [length]; see {@link tokenAttributions}. */
  readonly attributions: Tensor
  /** How much each token looks at each in each layer, the mean of its heads: [layers, length, length]. */
  readonly attention: Tensor
}

/** Reads one text, and says which tokens decided and where they looked. `inputs` and `steps` as with {@link tokenAttributions}. */
export function explainText(
  model: BertForSequenceClassification,
  inputs: Pick<BertInputs, 'inputIds' | 'attentionMask'>,
  { steps = 16 }: Pick<AttributionOptions, 'steps'> = {},
): TextExplanation {
  const { logits, attentions } = noGrad(() => model.run(inputs, { outputAttentions: true }))
  return {
    probabilities: reshape(softmax(logits), [-1]),
    attributions: tokenAttributions(model, inputs, { target: reshape(argmax(logits, 1), []), steps }),
    attention: stack(attentions.map((weights) => mean(weights, [0, 1]))),
  }
}
