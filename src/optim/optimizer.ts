import { grad } from '../autograd.ts'
import { fail } from '../errors.ts'
import { hostLeaf } from '../graph/leaf.ts'
import { mutate } from '../graph/mutate.ts'
import type { KernelOp } from '../graph/op.ts'
import { layOut, packOp } from '../graph/pack.ts'
import { discard, runEffects } from '../graph/realize.ts'
import { call1, Tensor } from '../graph/tensor.ts'
import { activeTrace, guarded } from '../graph/trace.ts'
import type { Attrs } from '../graph/value.ts'
import { Variable } from '../graph/variable.ts'
import type { Parameter } from '../nn/parameter.ts'
import { full } from '../ops/elementwise.ts'
import { formatShape, sameShape } from '../shape.ts'

/** Parameters that share their options; what is left out comes from the optimizer. */
export type ParameterGroup<O> = Partial<O> & { readonly params: readonly Parameter[] }

/** Parameters with their options and the moments kept for them. */
export interface Group<O> {
  readonly params: readonly Parameter[]
  readonly options: O
  /** @internal */
  readonly rule: UpdateRule<O>
  /** @internal All parameters in order, in as few arenas as the device can bind. */
  readonly arenas: readonly Arena[]
}

/** @internal Parameters end to end in one buffer, and their moments likewise. */
export interface Arena {
  readonly params: readonly Parameter[]
  readonly weights: Variable
  /** Bytes from the start of the arena to each parameter. */
  readonly offsets: readonly number[]
  /** Elements of the arena, gaps included. */
  readonly elements: number
  /** In the order of the rule's moments, laid out as the weights are. */
  readonly moments: readonly Variable[]
}

/** @internal The arenas of all groups: a gradient, an average or a sum of micro-batches has one tensor for each. */
export function arenasOf({ groups }: { readonly groups: readonly Pick<Group<unknown>, 'arenas'>[] }): Arena[] {
  return groups.flatMap((g) => g.arenas)
}

/** @internal A variable of zeros laid out as an arena. */
export function besideArena({ weights, elements }: Arena, label: string): Variable {
  return new Variable(full([elements], 0, 'f32', weights.device).value, label, false)
}

/** What an optimizer's update is made of. */
export interface UpdateRule<O> {
  /** Of the optimizer, kept in saved states. */
  readonly name: string
  readonly op: KernelOp
  /** PyTorch's name and the first value of each moment kept for a parameter, in the order of the op's variables. */
  readonly moments: readonly { readonly name: string; readonly initial?: number }[]
  /** Numbers of the step, read by the kernel as `hyper`; evaluated anew for each step, `t` counting from 1. */
  hyper(options: O, t: number): number[]
  attrs?(options: O): Attrs
}

/** Something done to gradients before an update, such as clipping; see {@link Optimizer.clip}. */
export interface GradientClip {
  /** Under which saved states know this way of clipping. */
  readonly kind?: string
  /** Its limit, kept in saved states. */
  max?: number
  /** All gradients, many of them end to end in one tensor of one axis; gaps hold zeros and must stay zero. */
  apply(packed: readonly Tensor[]): Tensor[]
}

/**
 * An optimizer keeps the parameters of a group end to end in one buffer, and each moment likewise, so that one dispatch
 * updates them all; where the device cannot bind so much at once, in several. Options may change at any time; compiled steps
 * read them anew.
 */
export abstract class Optimizer<O extends { lr: number }> {
  /** The groups; change `options` of one (such as `lr`) between steps as you like. */
  readonly groups: readonly Group<O>[]
  /** Steps taken so far. */
  steps = 0
  /** Clips the gradients of each step; see `clipNorm` and `clipValue`. */
  clip: GradientClip | null = null

  protected constructor(
    params: readonly Parameter[] | readonly ParameterGroup<O>[],
    defaults: O,
    ruleOf: (options: O) => UpdateRule<O>,
  ) {
    const list = isGroups<O>(params) ? params : [{ params } as unknown as ParameterGroup<O>]
    const seen = new Set<Parameter>()
    for (const p of list.flatMap((g) => g.params)) {
      if (seen.has(p))
        fail('optimizer', `${p.variable.label} ${formatShape(p.shape)} is given twice`, 'give each parameter once')
      if (p.dtype !== 'f32') fail('optimizer', `${p.variable.label} is ${p.dtype}`, 'parameters must be f32')
      seen.add(p)
    }
    if (seen.size === 0) fail('optimizer', 'there are no parameters', 'give model.parameters()')
    this.groups = list.map(({ params: own, ...given }) => {
      const options = { ...defaults, ...(given as unknown as Partial<O>) } as O
      return makeGroup(own, options, ruleOf(options))
    })
  }

  /** The learning rate; setting it sets that of every group, also between compiled steps. */
  get lr(): number {
    return (this.groups[0] as Group<O>).options.lr
  }

  /** Sets the learning rate of every group; a compiled step takes it from its next call on. */
  set lr(value: number) {
    if (!(value >= 0)) fail('optimizer', `lr is ${value}`, 'it must be at least 0')
    for (const group of this.groups) group.options.lr = value
  }

  /** Everything this optimizer trains. */
  get parameters(): readonly Parameter[] {
    return this.groups.flatMap((g) => g.params)
  }

  /**
   * Takes the gradients of a scalar loss and updates the parameters: as part of the step being compiled, or at once.
   */
  minimize(loss: Tensor): void {
    const frozen = this.parameters.find((p) => !p.requiresGrad)
    if (frozen)
      fail(
        'minimize',
        `${frozen.variable.label} ${formatShape(frozen.shape)} is frozen`,
        'give the optimizer only what trains: model.parameters().filter((p) => p.requiresGrad)',
      )
    const grads = grad(loss, this.parameters)
    this.step(grads)
    if (!activeTrace()) discard(grads.map((g) => g.value))
  }

  /** Updates the parameters with these gradients, one for each of {@link parameters}. */
  step(grads: readonly Tensor[]): void {
    const packed = this.pack(grads)
    runEffects(() => this.update(packed))
  }

  /** @internal The gradients of each arena, laid out as it is. */
  pack(grads: readonly Tensor[]): Tensor[] {
    const { parameters } = this
    if (grads.length !== parameters.length)
      fail('step', `${grads.length} gradients for ${parameters.length} parameters`, 'give one for each')
    let at = 0
    return arenasOf(this).map(({ params, weights, offsets, elements }) => {
      const own = grads.slice(at, at + params.length)
      at += params.length
      params.forEach((p, i) => {
        const g = own[i] as Tensor
        if (!sameShape(p.shape, g.shape))
          fail(
            'step',
            `the gradient of ${p.variable.label} is ${formatShape(g.shape)}`,
            `it must be ${formatShape(p.shape)}`,
          )
        if (p.variable.arena !== weights)
          fail(
            'step',
            `${p.variable.label} now belongs to another optimizer`,
            'use one optimizer for a parameter at a time',
          )
      })
      return call1(packOp, own, { offsets, elements })
    })
  }

  /** @internal Updates the parameters with packed gradients: effects of the active trace, which there must be. */
  update(packed: readonly Tensor[]): void {
    const clip = guarded('clip', () => this.clip)
    const grads = clip ? clip.apply(packed) : packed
    let at = 0
    for (const { rule, options, arenas } of this.groups) {
      const { device } = (arenas[0] as Arena).weights
      const numbers = new Tensor(hostLeaf(device, 'f32', () => rule.hyper(options, this.steps + 1)))
      const attrs = rule.attrs?.(options) ?? {}
      for (const [name, value] of Object.entries(attrs)) guarded(name, () => rule.attrs?.(options)[name] ?? value)
      for (const { weights, moments, elements } of arenas)
        mutate(rule.op, [grads[at++] as Tensor, numbers], { elements, ...attrs }, [weights, ...moments])
    }
    activeTrace()?.hooks.push(() => {
      this.steps++
    })
  }
}

function isGroups<O>(
  params: readonly Parameter[] | readonly ParameterGroup<O>[],
): params is readonly ParameterGroup<O>[] {
  const [first] = params
  return first !== undefined && !(first instanceof Tensor)
}

function makeGroup<O>(params: readonly Parameter[], options: O, rule: UpdateRule<O>): Group<O> {
  if (params.length === 0) fail('optimizer', 'a group has no parameters', 'leave empty groups out')
  return { params, options, rule, arenas: bindable(params).map((part) => makeArena(part, rule)) }
}

/** Cuts a list of parameters wherever the next one would take a part of it beyond what the device binds at once. */
function bindable(params: readonly Parameter[]): Parameter[][] {
  const { limits } = (params[0] as Parameter).variable.device
  const most = Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize)
  const parts: Parameter[][] = []
  let room = 0
  for (const p of params) {
    const { bytes } = layOut([p])
    if (bytes > room) {
      parts.push([])
      room = most
    }
    parts.at(-1)?.push(p)
    room -= bytes
  }
  return parts
}

function makeArena(params: readonly Parameter[], { moments }: Pick<UpdateRule<unknown>, 'moments'>): Arena {
  const variables = params.map((p) => p.variable)
  const { offsets, bytes } = layOut(variables)
  const { device, arena: shared } = variables[0] as Variable
  const isOwn =
    shared !== null &&
    shared.members.length === variables.length &&
    variables.every((v, i) => v.arena === shared && v.arenaOffset === offsets[i])
  const fresh = (label: string, value = 0): Variable =>
    new Variable(full([bytes / 4], value, 'f32', device).value, label, false)
  const weights = isOwn ? shared : fresh('parameters')
  if (!isOwn) {
    weights.initial = null
    variables.forEach((v, i) => {
      v.home(weights, offsets[i] as number)
    })
  }
  return { params, weights, offsets, elements: bytes / 4, moments: moments.map((m) => fresh(m.name, m.initial)) }
}
