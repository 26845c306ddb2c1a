import { fail } from '../../errors.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { ReLU } from '../../nn/activation.ts'
import { Sequential } from '../../nn/container.ts'
import { Linear } from '../../nn/linear.ts'
import { Module } from '../../nn/module.ts'
import { reshape } from '../../ops/reshape.ts'
import { formatShape, numel } from '../../shape.ts'

/** Layers of the paper (Xie et al. 2016, section 4.3) behind the inputs: 500, 500, 2000 and 10 units. */
export const paperWidths: readonly number[] = [500, 500, 2000, 10]

/**
 * A stacked autoencoder: linear layers with rectifiers between them, and their mirror. The code and the reconstruction have none, so that
 * they may take any value.
 */
export class Autoencoder extends Module {
  /** Units of the inputs, of each layer, and last of the code. */
  readonly widths: readonly number[]
  readonly encoder: Sequential
  readonly decoder: Sequential

  /** @param widths The elements of a sample, then the units of each layer, the code last; `[784, ...paperWidths]` for digits. */
  constructor(widths: readonly number[]) {
    super()
    if (widths.length < 2 || widths.some((width) => !Number.isInteger(width) || width < 1))
      fail(
        'Autoencoder',
        `widths are ${formatShape(widths)}`,
        'give whole numbers above 0: the inputs, then each layer',
      )
    this.widths = widths
    this.encoder = chain(widths)
    this.decoder = chain(widths.toReversed())
  }

  /** The code of samples. Shape: [N, ...], as many elements a sample as the first width -> [N, code]. */
  encode(x: Tensor): Tensor {
    return this.encoder.forward(this.flat(x))
  }

  /** The reconstruction of codes. Shape: [N, code] -> [N, inputs]. */
  decode(code: Tensor): Tensor {
    return this.decoder.forward(code)
  }

  /** The reconstruction of samples. Shape: [N, ...] -> [N, inputs]. */
  override forward(x: Tensor): Tensor {
    return this.decode(this.encode(x))
  }

  /** Samples as rows. Shape: [N, ...] -> [N, inputs]. */
  flat(x: Tensor): Tensor {
    const [inputs = 0] = this.widths
    const [samples = 0, ...sample] = x.shape
    if (numel(sample) !== inputs)
      fail('Autoencoder', `a sample is ${formatShape(sample)}`, `it must have ${inputs} elements`)
    return reshape(x, [samples, inputs])
  }

  /** The linear layers of the encoder, and for each the one of the decoder that undoes it. */
  pairs(): { readonly down: Linear; readonly up: Linear }[] {
    const ups = linears(this.decoder).toReversed()
    return linears(this.encoder).map((down, i) => ({ down, up: ups[i] as Linear }))
  }
}

function chain(widths: readonly number[]): Sequential {
  const layers = widths.slice(1).flatMap((width, i): Module[] => {
    const linear = new Linear(widths[i] as number, width)
    return i + 2 === widths.length ? [linear] : [linear, new ReLU()]
  })
  return new Sequential(...layers)
}

function linears(chain: Sequential): Linear[] {
  return chain.layers.filter((layer): layer is Linear => layer instanceof Linear)
}
