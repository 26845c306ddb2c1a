import { type CompileOptions, compile, crossEntropy, type Tensor } from '../../src/index.ts'
import type { Module, Parameter } from '../../src/nn/index.ts'
import { AdamW, SGD } from '../../src/optim/index.ts'
import { type Golden, initialState, type Run } from './golden.ts'
import { batchTensors, buildModel } from './models.ts'

/** The model under this name with the weights that PyTorch started from. */
export function loadedModel(golden: Golden): Module {
  const model = buildModel(golden.model)
  model.loadStateDict(initialState(golden))
  return model
}

function optimizerOf(run: Run, parameters: readonly Parameter[]): SGD | AdamW {
  const { weight_decay: weightDecay, ...options } = run.options
  const given = weightDecay === undefined ? options : { ...options, weightDecay }
  return run.optimizer === 'SGD' ? new SGD(parameters, given) : new AdamW(parameters, given)
}

/** Trains for `steps` on fresh batches; the losses are those before each update. */
export async function train(
  golden: Golden,
  run: Run,
  steps: number,
  options: CompileOptions = {},
): Promise<{ losses: number[]; model: Module }> {
  const model = loadedModel(golden)
  model.train()
  const optimizer = optimizerOf(run, model.parameters())
  const step = compile(
    (x: Tensor, y: Tensor) => {
      const loss = crossEntropy(model.forward(x), y)
      optimizer.minimize(loss)
      return { loss }
    },
    { verify: 1, ...options },
  )
  const losses: number[] = []
  for (let s = 0; s < steps; s++) {
    for (const [at, lr] of run.schedule) {
      if (at === s) for (const group of optimizer.groups) group.options.lr = lr
    }
    const { x, y } = batchTensors(golden, s + 1)
    losses.push(await step(x, y).loss.item())
  }
  return { losses, model }
}
