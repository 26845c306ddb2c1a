import { record, sizeOf, type Tape, type Value } from './tape.ts'

/** Convolution of x [n, h, w, c] with weights [o, c, kernel, kernel]. */
export function conv2d(tape: Tape, x: Value, w: Value, stride: number, padding: number): Value {
  const [batch, size, , cin] = x.shape as [number, number, number, number]
  const [cout, , kernel] = w.shape as [number, number, number]
  const out = Math.floor((size + 2 * padding - kernel) / stride) + 1
  // [kernel, kernel, c, o]: the innermost loops run over neighbours.
  const at = (o: number, c: number, ky: number, kx: number): number => ((o * cin + c) * kernel + ky) * kernel + kx
  const weights = new Float64Array(w.data.length)
  const grads = new Float64Array(w.data.length)
  eachWeight((o, c, ky, kx, i) => {
    weights[i] = w.data[at(o, c, ky, kx)] as number
  })
  const y = new Float64Array(batch * out * out * cout)
  eachTap((from, tap, to) => {
    for (let c = 0; c < cin; c++) {
      const v = x.data[from + c] as number
      const row = (tap * cin + c) * cout
      for (let o = 0; o < cout; o++) y[to + o] = (y[to + o] as number) + v * (weights[row + o] as number)
    }
  })
  return record(tape, [batch, out, out, cout], y, (dy) => {
    grads.fill(0)
    eachTap((from, tap, to) => {
      for (let c = 0; c < cin; c++) {
        const v = x.data[from + c] as number
        const row = (tap * cin + c) * cout
        let sum = 0
        for (let o = 0; o < cout; o++) {
          const d = dy[to + o] as number
          sum += d * (weights[row + o] as number)
          grads[row + o] = (grads[row + o] as number) + d * v
        }
        x.grad[from + c] = (x.grad[from + c] as number) + sum
      }
    })
    eachWeight((o, c, ky, kx, i) => {
      const e = at(o, c, ky, kx)
      w.grad[e] = (w.grad[e] as number) + (grads[i] as number)
    })
  })

  function eachWeight(visit: (o: number, c: number, ky: number, kx: number, i: number) => void): void {
    let i = 0
    for (let ky = 0; ky < kernel; ky++)
      for (let kx = 0; kx < kernel; kx++)
        for (let c = 0; c < cin; c++) for (let o = 0; o < cout; o++) visit(o, c, ky, kx, i++)
  }

  /** Every pixel under every tap of every window. */
  function eachTap(visit: (from: number, tap: number, to: number) => void): void {
    for (let n = 0; n < batch; n++)
      for (let p = 0; p < out; p++)
        for (let q = 0; q < out; q++)
          for (let ky = 0; ky < kernel; ky++) {
            const h = p * stride + ky - padding
            if (h < 0 || h >= size) continue
            for (let kx = 0; kx < kernel; kx++) {
              const v = q * stride + kx - padding
              if (v < 0 || v >= size) continue
              visit(((n * size + h) * size + v) * cin, ky * kernel + kx, ((n * out + p) * out + q) * cout)
            }
          }
  }
}

/** Maximum of 2x2 pixels of x [n, h, w, c]; of equals the first. */
export function maxPool2(tape: Tape, x: Value): Value {
  const [n, h, w, c] = x.shape as [number, number, number, number]
  const shape = [n, h / 2, w / 2, c]
  const from = new Int32Array(sizeOf(shape))
  let i = 0
  for (let b = 0; b < n; b++)
    for (let p = 0; p < h / 2; p++)
      for (let q = 0; q < w / 2; q++)
        for (let ch = 0; ch < c; ch++) {
          const pixels = [0, 1, 2, 3].map((k) => ((b * h + 2 * p + (k >> 1)) * w + 2 * q + (k & 1)) * c + ch)
          from[i++] = pixels.reduce((best, e) => ((x.data[e] as number) > (x.data[best] as number) ? e : best))
        }
  const y = Float64Array.from(from, (e) => x.data[e] as number)
  return record(tape, shape, y, (dy) => {
    from.forEach((e, k) => {
      x.grad[e] = (x.grad[e] as number) + (dy[k] as number)
    })
  })
}

/**
 * (x - mean) / √(variance + eps) · weight + bias over groups of elements: `group` and `affine` say for each element
 * to which group and to which weight it belongs.
 */
export function normalize(
  tape: Tape,
  x: Value,
  weight: Value,
  bias: Value,
  { groups, group, eps }: { groups: number; group: (i: number) => number; eps: number },
): Value {
  const n = x.data.length
  const count = n / groups
  const affine = weight.data.length
  const mean = new Float64Array(groups)
  const rstd = new Float64Array(groups)
  for (let i = 0; i < n; i++) mean[group(i)] = (mean[group(i)] as number) + (x.data[i] as number) / count
  for (let i = 0; i < n; i++)
    rstd[group(i)] = (rstd[group(i)] as number) + ((x.data[i] as number) - (mean[group(i)] as number)) ** 2 / count
  for (let g = 0; g < groups; g++) rstd[g] = 1 / Math.sqrt((rstd[g] as number) + eps)
  const hat = x.data.map((v, i) => (v - (mean[group(i)] as number)) * (rstd[group(i)] as number))
  const y = hat.map((v, i) => v * (weight.data[i % affine] as number) + (bias.data[i % affine] as number))
  return record(tape, x.shape, y, (dy) => {
    const sum = new Float64Array(groups)
    const product = new Float64Array(groups)
    for (let i = 0; i < n; i++) {
      const [a, d, v] = [i % affine, dy[i] as number, hat[i] as number]
      weight.grad[a] = (weight.grad[a] as number) + d * v
      bias.grad[a] = (bias.grad[a] as number) + d
      const inner = d * (weight.data[a] as number)
      sum[group(i)] = (sum[group(i)] as number) + inner
      product[group(i)] = (product[group(i)] as number) + inner * v
    }
    for (let i = 0; i < n; i++) {
      const g = group(i)
      const inner = (dy[i] as number) * (weight.data[i % affine] as number)
      const centred = inner - ((sum[g] as number) + (hat[i] as number) * (product[g] as number)) / count
      x.grad[i] = (x.grad[i] as number) + centred * (rstd[g] as number)
    }
  })
}

/** Over the last axis. */
export function layerNorm(tape: Tape, x: Value, weight: Value, bias: Value, eps: number): Value {
  const width = x.shape.at(-1) as number
  return normalize(tape, x, weight, bias, { groups: x.data.length / width, group: (i) => Math.floor(i / width), eps })
}

/** Over all axes but the last. */
export function batchNorm(tape: Tape, x: Value, weight: Value, bias: Value, eps: number): Value {
  const width = x.shape.at(-1) as number
  return normalize(tape, x, weight, bias, { groups: width, group: (i) => i % width, eps })
}

/** Over the last axis. */
export function softmax(tape: Tape, x: Value): Value {
  const width = x.shape.at(-1) as number
  const y = new Float64Array(x.data.length)
  for (let row = 0; row < y.length; row += width) {
    const values = x.data.subarray(row, row + width)
    const top = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
    const total = values.reduce((sum, v) => sum + Math.exp(v - top), 0)
    values.forEach((v, i) => {
      y[row + i] = Math.exp(v - top) / total
    })
  }
  return record(tape, x.shape, y, (dy) => {
    for (let row = 0; row < y.length; row += width) {
      let sum = 0
      for (let i = row; i < row + width; i++) sum += (dy[i] as number) * (y[i] as number)
      for (let i = row; i < row + width; i++)
        x.grad[i] = (x.grad[i] as number) + (y[i] as number) * ((dy[i] as number) - sum)
    }
  })
}

/** Mean over rows of -log softmax(x)[label]; x is [rows, classes]. */
export function crossEntropy(tape: Tape, x: Value, labels: ArrayLike<number>): Value {
  const [rows, classes] = x.shape as [number, number]
  const shares = softmax([], x).data
  let loss = 0
  for (let r = 0; r < rows; r++) loss -= Math.log(shares[r * classes + (labels[r] as number)] as number) / rows
  return record(tape, [], Float64Array.of(loss), ([d = 0]) => {
    for (let r = 0; r < rows; r++)
      for (let c = 0; c < classes; c++) {
        const i = r * classes + c
        const share = (shares[i] as number) - (c === labels[r] ? 1 : 0)
        x.grad[i] = (x.grad[i] as number) + (d * share) / rows
      }
  })
}

/** Mean of squared differences. */
export function mse(tape: Tape, x: Value, target: ArrayLike<number>): Value {
  const n = x.data.length
  const loss = x.data.reduce((sum, v, i) => sum + (v - (target[i] as number)) ** 2 / n, 0)
  return record(tape, [], Float64Array.of(loss), ([d = 0]) => {
    for (let i = 0; i < n; i++)
      x.grad[i] = (x.grad[i] as number) + (2 * d * ((x.data[i] as number) - (target[i] as number))) / n
  })
}
