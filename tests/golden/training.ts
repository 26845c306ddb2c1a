import { type CompileOptions, compile, crossEntropy, grad, type Tensor } from '../../src/index.ts'
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

/**
 * The loss, and the first parameter times its gradient, summed. That product can only be made when nearly all is ready for
 * the update, and must still see the weights before it.
 */
export function lossAndSlope(model: Module, x: Tensor, y: Tensor): { loss: Tensor; slope: Tensor } {
  const loss = crossEntropy(model.forward(x), y)
  const [first] = model.parameters()
  if (first === undefined) throw new Error('the model has no parameters')
  const [gradient] = grad(loss, [first])
  if (gradient === undefined) throw new Error('the first parameter has no gradient')
  return { loss, slope: first.mul(gradient).sum() }
}

/** Trains for `steps` on fresh batches; the losses, and the slopes (see {@link lossAndSlope}), are those before each update. */
export async function train(
  golden: Golden,
  run: Run,
  steps: number,
  options: CompileOptions = {},
): Promise<{ losses: number[]; slopes: number[]; model: Module }> {
  const model = loadedModel(golden)
  model.train()
  const optimizer = optimizerOf(run, model.parameters())
  const step = compile(
    (x: Tensor, y: Tensor) => {
      const { loss, slope } = lossAndSlope(model, x, y)
      optimizer.minimize(loss)
      return { loss, slope }
    },
    { verify: 1, ...options },
  )
  const losses: number[] = []
  const slopes: number[] = []
  for (let s = 0; s < steps; s++) {
    for (const [at, lr] of run.schedule) {
      if (at === s) for (const group of optimizer.groups) group.options.lr = lr
    }
    const { x, y } = batchTensors(golden, s + 1)
    const read = step(x, y)
    losses.push(await read.loss.item())
    slopes.push(await read.slope.item())
  }
  return { losses, slopes, model }
}
