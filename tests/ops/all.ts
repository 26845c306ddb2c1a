import { arithmeticChecks } from './arithmetic.check.ts'
import type { OpCheck } from './check.ts'

/** Every op check. */
export const checks: readonly OpCheck[] = [...arithmeticChecks]
