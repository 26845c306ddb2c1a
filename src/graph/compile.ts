import { fail } from '../errors.ts'
import { type Device, defaultDevice } from '../gpu/device.ts'
import { formatShape } from '../shape.ts'
import { CompiledPlan, type PlanDebug } from './compiled-plan.ts'
import { Tensor } from './tensor.ts'
import { activeTrace } from './trace.ts'
import type { Spec } from './value.ts'

/** What a compiled function may return: tensors, alone, in an array or by name. */
// biome-ignore lint/suspicious/noConfusingVoidType: a step may be run for its effects alone and return nothing
export type StepOutputs = Tensor | readonly Tensor[] | Readonly<Record<string, Tensor>> | void

/** Options of {@link compile}. */
export interface CompileOptions {
  /** Traces again every n-th step and throws, naming the first node that differs; 0 (never) unless given. */
  readonly verify?: number
  /** How many steps an output stays readable; 8 unless given. */
  readonly ring?: number
  /**
   * How activations are kept in memory: 'f16' takes half the bytes for what a step computes on its way and needs the device feature
   * shader-f16. All arithmetic, and everything that outlasts the step or decides its precision, stays f32: parameters, the optimizer's
   * state, gradients, means and variances, losses, outputs. Activations beyond 65,504 are held there. 'f32' unless given. (Micikevicius
   * et al. 2018, "Mixed precision training", without its loss scaling, which gradients in f32 do not need.)
   */
  readonly storage?: 'f32' | 'f16'
  /** Where the steps run; that of the first argument unless given. */
  readonly device?: Device
  /** @internal Other ways to place and order the same work; the bits must not change. For tests. */
  readonly debug?: PlanDebug
}

/** What a step costs, known before it runs. */
export interface StepCost {
  /** Bytes of all GPU buffers once the step has run. */
  readonly peakBytes: number
  /** Kernels that a step runs. */
  readonly dispatches: number
  /** Submits a step takes as estimated now. */
  readonly submits: number
  /** Floating-point operations of useful work. */
  readonly flops: number
  /** Distinct pipelines. */
  readonly pipelines: number
}

/** Options of {@link Compiled.prepare}. */
export interface PrepareOptions {
  /** Told how many of the pipelines are compiled, and before that, with `tune`, for how much of the work a kernel is found. */
  readonly onProgress?: (done: number, total: number, stage: 'tune' | 'compile') => void
  /**
   * Measures which kernels are the fastest here, where there is a choice, and remembers the answers for later starts: see
   * `device.variants`. What was measured before, here or at an earlier start, is not measured again. Off unless given.
   */
  readonly tune?: boolean
  /**
   * About how long measuring may take, in milliseconds; 20,000 unless given. What is left then keeps its default kernel. 0 takes what is
   * remembered and measures nothing.
   */
  readonly budgetMs?: number
  /** Stops the measuring, with the signal's reason; what was measured until then is kept. */
  readonly signal?: AbortSignal
}

/** The shape and dtype of an argument; f32 unless given. */
export function spec(shape: readonly number[], dtype: Spec['dtype'] = 'f32'): Spec {
  return { shape, dtype }
}

/** A compiled function: call it, prepare it, profile it. */
export interface Compiled<Args extends readonly Tensor[], Out extends StepOutputs> {
  (...args: Args): Out
  /**
   * Builds the plan for these arguments, takes its memory and compiles its pipelines side by side; answers what a step
   * costs. Names are for the reader: specs count in the order of the arguments; a function of rest arguments takes any
   * number. Rejects with an OutOfMemoryError, everything given back, where the step would not fit.
   */
  prepare(specs?: readonly Spec[] | Readonly<Record<string, Spec>>, options?: PrepareOptions): Promise<StepCost>
  /** @internal The plan for these arguments. */
  planFor(...args: Args): CompiledPlan
  /** Gives back the memory of all plans of this function. */
  release(): void
}

/**
 * Freezes a function of tensors into a plan: traced at the first call for each combination of argument specs, train or
 * eval modes and other guarded facts; later calls replay it. Numbers and branches of JavaScript are frozen with it.
 * Outputs stay readable for `ring` steps.
 */
export function compile<Args extends readonly Tensor[], Out extends StepOutputs>(
  fn: (...args: Args) => Out,
  options: CompileOptions = {},
): Compiled<Args, Out> {
  const plans: CompiledPlan[] = []
  const deviceOf = (args: readonly Tensor[]): Device => options.device ?? args[0]?.device ?? defaultDevice()

  const find = (device: Device, specs: readonly Spec[]): CompiledPlan => {
    const found = plans.find((p) => p.matches(device, specs))
    if (found) return found
    const made = new CompiledPlan(device, fn as unknown as (...args: Tensor[]) => StepOutputs, specs, options)
    plans.push(made)
    return made
  }

  const planOf = (args: readonly Tensor[]): CompiledPlan => {
    const device = deviceOf(args)
    const other = args.findIndex((a) => a.device !== device)
    if (other >= 0) fail('compile', `argument ${other} is on another device than the step`, 'make it on that device')
    return find(device, args)
  }

  const step = (...args: Args): Out => {
    checkArguments(args)
    if (activeTrace()) return fn(...args)
    return planOf(args).call(args) as Out
  }
  return Object.assign(step, {
    async prepare(
      specs: readonly Spec[] | Readonly<Record<string, Spec>> = [],
      prepare: PrepareOptions = {},
    ): Promise<StepCost> {
      const list = Array.isArray(specs)
        ? (specs as readonly Spec[])
        : Object.values(specs as Readonly<Record<string, Spec>>)
      // A function of rest arguments declares none.
      if (list.length !== fn.length && fn.length > 0)
        fail(
          'prepare',
          `${counted(list.length, 'spec')} for a function of ${counted(fn.length, 'argument')}`,
          `give one for each, in order, as in ${example}`,
        )
      list.forEach(checkSpec)
      const device = deviceOf([])
      if (prepare.tune) {
        const plan = find(device, list)
        await tunePlans([plan], prepare)
        // It was made to be measured and never ran.
        if (!plan.hasVariants && !plan.hasMemory) plans.splice(plans.indexOf(plan), 1)
      }
      return find(device, list).prepare((done, total) => prepare.onProgress?.(done, total, 'compile'))
    },
    planFor(...args: Args): CompiledPlan {
      checkArguments(args)
      return planOf(args)
    },
    release(): void {
      for (const plan of plans.splice(0)) plan.release()
    },
  })
}

/** Measures the kernels for the work of plans; their functions then give plans with the best. */
export async function tunePlans(plans: readonly CompiledPlan[], options: PrepareOptions): Promise<void> {
  const { budgetMs = 20_000, signal, onProgress } = options
  if (!(budgetMs >= 0)) fail('prepare', `budgetMs is ${budgetMs}`, 'it must be a number of milliseconds of at least 0')
  const [first] = plans
  if (!first) return
  // Loaded only where it is asked for.
  const { tune } = await import('./tuner.ts')
  const told = (done: number, total: number): void => onProgress?.(done, total, 'tune')
  const choices = new Map(plans.flatMap((plan) => [...plan.choices]))
  await tune(first.device, choices, { budgetMs, signal, onProgress: told })
}

const example = "prepare([spec([64, 10]), spec([64], 'i32')])"

function counted(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`
}

function checkSpec({ shape, dtype }: Partial<Spec>, position: number): void {
  if (!Array.isArray(shape) || dtype === undefined)
    fail('prepare', `spec ${position} has no shape or no dtype`, `make it with spec, as in ${example}`)
}

function checkArguments(args: readonly unknown[]): void {
  args.forEach((a, i) => {
    if (!(a instanceof Tensor)) {
      const what = Array.isArray(a) ? `an array ${formatShape(a as number[])}` : typeof a
      fail('compile', `argument ${i} is ${what}`, 'arguments are tensors; a number that changes belongs in a tensor')
    }
  })
}
