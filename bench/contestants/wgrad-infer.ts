import { noGrad, type Tensor } from '../../src/index.ts'
import { BertModel, resnet50 } from '../../src/models/index.ts'
import { bertBase } from '../infer/models.ts'
import { parametersOf } from '../inputs.ts'
import type { InferTask } from '../workload.ts'

/** A published model in evaluation: the names of its results, and what makes them. */
export function inference(task: InferTask, x: Tensor): { names: readonly string[]; run(): Tensor[] } {
  // BatchNorm counts its batches; nothing here needs the count.
  const options = { strict: false }
  if (task.model === 'resnet50') {
    const model = resnet50()
    model.loadStateDict(parametersOf(task), options)
    model.eval()
    return { names: ['logits'], run: () => noGrad(() => [model.forward(x)]) }
  }
  const model = new BertModel({ num_hidden_layers: task.layers ?? bertBase.layers })
  model.loadStateDict(parametersOf(task), options)
  model.eval()
  return {
    names: ['hidden', 'pooled'],
    run: () =>
      noGrad(() => {
        const { lastHiddenState, poolerOutput } = model.run({ inputIds: x })
        return [lastHiddenState, poolerOutput as Tensor]
      }),
  }
}
