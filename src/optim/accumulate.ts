import { grad } from '../autograd.ts'
import { fail } from '../errors.ts'
import { discard, runEffects } from '../graph/realize.ts'
import { Tensor } from '../graph/tensor.ts'
import { activeTrace, guarded } from '../graph/trace.ts'
import type { Variable } from '../graph/variable.ts'
import type { Module, StateDict } from '../nn/module.ts'
import { add, mul } from '../ops/arithmetic.ts'
import { arenasOf, besideArena, type Optimizer } from './optimizer.ts'
import { type ArenaState, arenaWrites, readArenas } from './state.ts'

/** What of an optimizer of any options is used here; its own work is no part of its public type. */
type Inner = Pick<Optimizer<{ lr: number }>, 'groups' | 'parameters' | 'pack' | 'update'>

/** Where a {@link GradientAccumulator} stands between two micro-batches. */
export interface AccumulatorState {
  /** Micro-batches in one update. */
  readonly every: number
  /** Micro-batches in the sums. */
  readonly pending: number
  readonly sums: StateDict
}

/**
 * Updates once for every `every` micro-batches, with the mean of their gradients. Call {@link minimize} in place of the optimizer's: a
 * compiled step then has a plan for the first, the middle and the last micro-batch and takes the one whose turn it is.
 */
export class GradientAccumulator {
  /** Micro-batches in one update. */
  readonly every: number
  /** Micro-batches since the last update. */
  pending = 0
  /** @internal The mean so far, laid out as the optimizer's arenas. */
  readonly sums: readonly Variable[]
  private readonly optimizer: Inner

  constructor(optimizer: Pick<Optimizer<{ lr: number }>, 'groups' | 'parameters'>, every: number) {
    if (!Number.isInteger(every) || every < 1)
      fail('GradientAccumulator', `every is ${every}`, 'it must be a whole number of at least 1')
    this.optimizer = optimizer as Inner
    this.every = every
    this.sums = arenasOf(optimizer).map((arena) => besideArena(arena, 'accumulated'))
  }

  /** Takes the gradients of a micro-batch's loss; with the last of them the optimizer updates its parameters. */
  minimize(loss: Tensor): void {
    const grads = grad(loss, this.optimizer.parameters)
    runEffects(() => {
      const { every } = this
      const isFirst = guarded('first micro-batch', () => this.pending === 0)
      const isLast = guarded('last micro-batch', () => this.pending === this.every - 1)
      const packed = this.optimizer.pack(grads).map((g, i) => {
        const share = mul(g, 1 / every)
        return isFirst ? share : add(new Tensor((this.sums[i] as Variable).read()), share)
      })
      if (isLast) this.optimizer.update(packed)
      else {
        packed.forEach((g, i) => {
          this.sums[i]?.assign(g.value)
        })
      }
      activeTrace()?.hooks.push(() => {
        this.pending = isLast ? 0 : this.pending + 1
      })
    })
    if (!activeTrace()) discard(grads.map((g) => g.value))
  }

  /** The mean so far by the model's keys, in PyTorch's layout, and how many micro-batches are in it. */
  async state(model: Module): Promise<AccumulatorState> {
    const { every, pending } = this
    return { every, pending, sums: await readArenas('GradientAccumulator', this.states(), model) }
  }

  /** Goes on from what `state` gave. Throws, and changes nothing, where the two do not fit. */
  loadState(model: Module, state: AccumulatorState): void {
    for (const write of this.stateWrites(model, state)) write()
  }

  /** @internal Checks a state as {@link loadState} does, and answers with what writes it. */
  stateWrites(model: Module, { every, pending, sums }: AccumulatorState): (() => void)[] {
    if (every !== this.every)
      fail(
        'GradientAccumulator',
        `the state takes ${every} micro-batches for an update`,
        `make both alike: ${this.every}`,
      )
    if (!Number.isInteger(pending) || pending < 0 || pending >= every)
      fail('GradientAccumulator', `the state has ${pending} micro-batches of ${every} pending`, 'it must have fewer')
    const writes = arenaWrites('GradientAccumulator', this.states(), model, sums)
    return [
      ...writes,
      () => {
        this.pending = pending
      },
    ]
  }

  private states(): ArenaState[] {
    return arenasOf(this.optimizer).map((arena, i) => ({ arena, variable: this.sums[i] as Variable, suffix: '' }))
  }
}
