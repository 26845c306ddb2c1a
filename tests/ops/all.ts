import { activationChecks } from './activation.check.ts'
import { arithmeticChecks } from './arithmetic.check.ts'
import { attentionChecks } from './attention.check.ts'
import { autogradChecks } from './autograd.check.ts'
import type { OpCheck } from './check.ts'
import { constructChecks } from './construct.check.ts'
import { convChecks } from './conv.check.ts'
import { convTransposeChecks } from './conv-transpose.check.ts'
import { distanceLossChecks } from './distance-loss.check.ts'
import { einsumChecks } from './einsum.check.ts'
import { gatherChecks } from './gather.check.ts'
import { groupNormChecks } from './group-norm.check.ts'
import { joiningChecks } from './joining.check.ts'
import { lossChecks } from './loss.check.ts'
import { matmulChecks } from './matmul.check.ts'
import { movementChecks } from './movement.check.ts'
import { normChecks } from './norm.check.ts'
import { optimizerChecks } from './optimizer.check.ts'
import { poolChecks } from './pool.check.ts'
import { productsChecks } from './products.check.ts'
import { randomChecks } from './random.check.ts'
import { recurrentChecks } from './recurrent.check.ts'
import { reduceChecks } from './reduce.check.ts'
import { resizeChecks } from './resize.check.ts'
import { roundingChecks } from './rounding.check.ts'
import { scanChecks } from './scan.check.ts'
import { scatterChecks } from './scatter.check.ts'
import { softmaxChecks } from './softmax.check.ts'
import { sortChecks } from './sort.check.ts'
import { specialChecks } from './special.check.ts'
import { statisticsChecks } from './statistics.check.ts'
import { tilingChecks } from './tiling.check.ts'
import { trigonometryChecks } from './trigonometry.check.ts'
import { unaryChecks } from './unary.check.ts'
import { weightedLossChecks } from './weighted-loss.check.ts'

/** Every op check. */
export const checks: readonly OpCheck[] = [
  ...arithmeticChecks,
  ...unaryChecks,
  ...trigonometryChecks,
  ...specialChecks,
  ...roundingChecks,
  ...activationChecks,
  ...reduceChecks,
  ...statisticsChecks,
  ...productsChecks,
  ...scanChecks,
  ...movementChecks,
  ...tilingChecks,
  ...constructChecks,
  ...joiningChecks,
  ...matmulChecks,
  ...einsumChecks,
  ...autogradChecks,
  ...convChecks,
  ...convTransposeChecks,
  ...poolChecks,
  ...resizeChecks,
  ...softmaxChecks,
  ...lossChecks,
  ...distanceLossChecks,
  ...weightedLossChecks,
  ...normChecks,
  ...groupNormChecks,
  ...recurrentChecks,
  ...attentionChecks,
  ...gatherChecks,
  ...scatterChecks,
  ...sortChecks,
  ...randomChecks,
  ...optimizerChecks,
]
