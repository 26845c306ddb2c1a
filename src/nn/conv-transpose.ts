import type { Tensor } from '../graph/tensor.ts'
import {
  type Conv1dOptions as Conv1dCall,
  type ConvTranspose1dOptions as ConvTranspose1dCall,
  type ConvTransposeOptions as ConvTranspose2dCall,
  conv1d,
  convTranspose1d,
  convTranspose2d,
} from '../ops/conv-transpose.ts'
import type { Pair } from './conv.ts'
import { kaimingUniform, uniform } from './init.ts'
import { Module } from './module.ts'
import { Parameter } from './parameter.ts'

/** A module's options are those of its op, with a flag in place of the bias. */
type Layer<Call> = Omit<Call, 'bias'> & { readonly bias?: boolean }

/** Options of {@link Conv1d}. */
export type Conv1dOptions = Layer<Conv1dCall>
/** Options of {@link ConvTranspose1d}. */
export type ConvTranspose1dOptions = Layer<ConvTranspose1dCall>
/** Options of {@link ConvTranspose2d}. */
export type ConvTranspose2dOptions = Layer<ConvTranspose2dCall>

function biasOf(channels: number, fanIn: number, label: string): Parameter {
  return new Parameter(uniform([channels], 1 / Math.sqrt(Math.max(1, fanIn))), label)
}

/**
 * One-dimensional convolution.
 *
 * Shape: [N, L, inChannels] -> [N, L', outChannels]. `weight` [outChannels, k, inChannels / groups] and `bias` start uniform within
 * 1 / sqrt(fan in). In files the weight is [outChannels, inChannels / groups, k], as PyTorch has it.
 */
export class Conv1d extends Module {
  readonly weight: Parameter
  readonly bias: Parameter | null
  readonly options: Omit<Conv1dOptions, 'bias'>

  constructor(inChannels: number, outChannels: number, kernelSize: number, options: Conv1dOptions = {}) {
    super()
    const { bias = true, ...windows } = options
    const depth = inChannels / (windows.groups ?? 1)
    const fanIn = depth * kernelSize
    this.options = windows
    this.weight = new Parameter(kaimingUniform([outChannels, kernelSize, depth], fanIn), 'Conv1d.weight')
    this.bias = bias ? biasOf(outChannels, fanIn, 'Conv1d.bias') : null
  }

  protected override fileAxes(field: string): readonly number[] | null {
    return field === 'weight' ? [0, 2, 1] : null
  }

  override forward(x: Tensor): Tensor {
    return conv1d(x, this.weight, { ...this.options, bias: this.bias })
  }
}

/**
 * Transposed convolution of sequences.
 *
 * Shape: [N, L, inChannels] -> [N, L', outChannels]. `weight` [inChannels, k, outChannels / groups] and `bias` start uniform within
 * 1 / sqrt(k outChannels / groups). In files the weight is [inChannels, outChannels / groups, k], as PyTorch has it.
 */
export class ConvTranspose1d extends Module {
  readonly weight: Parameter
  readonly bias: Parameter | null
  readonly options: Omit<ConvTranspose1dOptions, 'bias'>

  constructor(inChannels: number, outChannels: number, kernelSize: number, options: ConvTranspose1dOptions = {}) {
    super()
    const { bias = true, ...windows } = options
    const depth = outChannels / (windows.groups ?? 1)
    const fanIn = depth * kernelSize
    this.options = windows
    this.weight = new Parameter(kaimingUniform([inChannels, kernelSize, depth], fanIn), 'ConvTranspose1d.weight')
    this.bias = bias ? biasOf(outChannels, fanIn, 'ConvTranspose1d.bias') : null
  }

  protected override fileAxes(field: string): readonly number[] | null {
    return field === 'weight' ? [0, 2, 1] : null
  }

  override forward(x: Tensor): Tensor {
    return convTranspose1d(x, this.weight, { ...this.options, bias: this.bias })
  }
}

/**
 * Transposed convolution of images.
 *
 * Shape: [N, H, W, inChannels] -> [N, H', W', outChannels]. `weight` [inChannels, kh, kw, outChannels / groups] and `bias` start uniform
 * within 1 / sqrt(kh kw outChannels / groups). In files the weight is [inChannels, outChannels / groups, kh, kw], as PyTorch has it.
 */
export class ConvTranspose2d extends Module {
  readonly weight: Parameter
  readonly bias: Parameter | null
  readonly options: Omit<ConvTranspose2dOptions, 'bias'>

  constructor(inChannels: number, outChannels: number, kernelSize: Pair, options: ConvTranspose2dOptions = {}) {
    super()
    const { bias = true, ...windows } = options
    const [kh, kw] = typeof kernelSize === 'number' ? [kernelSize, kernelSize] : kernelSize
    const depth = outChannels / (windows.groups ?? 1)
    const fanIn = depth * kh * kw
    this.options = windows
    this.weight = new Parameter(kaimingUniform([inChannels, kh, kw, depth], fanIn), 'ConvTranspose2d.weight')
    this.bias = bias ? biasOf(outChannels, fanIn, 'ConvTranspose2d.bias') : null
  }

  protected override fileAxes(field: string): readonly number[] | null {
    return field === 'weight' ? [0, 2, 3, 1] : null
  }

  override forward(x: Tensor): Tensor {
    return convTranspose2d(x, this.weight, { ...this.options, bias: this.bias })
  }
}
