import { fail } from '../errors.ts'
import { hostLeaf } from '../graph/leaf.ts'
import { mutate } from '../graph/mutate.ts'
import { initialize, runEffects } from '../graph/realize.ts'
import { Tensor } from '../graph/tensor.ts'
import { copyStorage, type Variable } from '../graph/variable.ts'
import type { Module, StateDict } from '../nn/module.ts'
import { add, mul, sub } from '../ops/arithmetic.ts'
import { swapOp } from '../ops/optimizer.ts'
import { arenasOf, besideArena, type Optimizer } from './optimizer.ts'
import { type ArenaState, arenaWrites, readArenas } from './state.ts'

/** An exponential moving average of the weights that an optimizer trains, kept on the device. */
export class ExponentialMovingAverage {
  /** Share of the average that is kept at each update; may change between steps. */
  decay: number
  /** @internal The averages, laid out as the optimizer's arenas. */
  readonly averages: readonly Variable[]
  private readonly optimizer: Pick<Optimizer<{ lr: number }>, 'groups'>
  private isSwapped = false

  /** The average starts from the weights of this moment. `decay` is 0.999 unless given. */
  constructor(optimizer: Pick<Optimizer<{ lr: number }>, 'groups'>, decay = 0.999) {
    if (!(decay >= 0 && decay < 1))
      fail('ExponentialMovingAverage', `decay is ${decay}`, 'it must be at least 0 and below 1')
    this.decay = decay
    this.optimizer = optimizer
    this.averages = arenasOf(optimizer).map((arena) => besideArena(arena, 'average'))
    this.reset()
  }

  /** Starts again from the weights of this moment, such as after loading them. */
  reset(): void {
    this.needWeights('reset')
    arenasOf(this.optimizer).forEach(({ weights, params }, i) => {
      const average = this.averages[i] as Variable
      initialize([...params.map((p) => p.variable), average])
      copyStorage(weights.device, weights.storage, average.storage)
    })
  }

  /**
   * average = decay average + (1 - decay) weights, as the optimizer updates them in few dispatches: at once, or in the
   * step being compiled.
   */
  update(): void {
    this.needWeights('update')
    runEffects(() => {
      arenasOf(this.optimizer).forEach(({ weights }, i) => {
        const average = this.averages[i] as Variable
        const now = new Tensor(average.read())
        const share = new Tensor(hostLeaf(weights.device, 'f32', () => [1 - this.decay]))
        average.assign(add(now, mul(share, sub(new Tensor(weights.read()), now))).value)
      })
    })
  }

  /** Exchanges weights and averages; a second call exchanges them back. */
  swap(): void {
    runEffects(() => {
      arenasOf(this.optimizer).forEach(({ weights, elements }, i) => {
        mutate(swapOp, [], { elements }, [weights, this.averages[i] as Variable])
      })
    })
    this.isSwapped = !this.isSwapped
  }

  /** Runs `fn` with the averages in place of the weights. */
  async apply<T>(fn: () => T | Promise<T>): Promise<T> {
    this.needWeights('apply')
    this.swap()
    try {
      return await fn()
    } finally {
      this.swap()
    }
  }

  /** The averages by the model's keys, in PyTorch's layout. */
  async stateDict(model: Module): Promise<StateDict> {
    this.needWeights('stateDict')
    return readArenas('ExponentialMovingAverage', this.states(), model)
  }

  /** Loads averages that {@link stateDict} gave. */
  loadStateDict(model: Module, state: StateDict): void {
    for (const write of this.stateWrites(model, state)) write()
  }

  /** @internal Checks averages as {@link loadStateDict} does, and answers with what writes them. */
  stateWrites(model: Module, state: StateDict): (() => void)[] {
    this.needWeights('loadStateDict')
    return arenaWrites('ExponentialMovingAverage', this.states(), model, state)
  }

  private states(): ArenaState[] {
    return arenasOf(this.optimizer).map((arena, i) => ({ arena, variable: this.averages[i] as Variable, suffix: '' }))
  }

  private needWeights(name: string): void {
    if (this.isSwapped)
      fail(
        `ExponentialMovingAverage.${name}`,
        'the averages stand in place of the weights',
        'call swap first, to have the weights back',
      )
  }
}
