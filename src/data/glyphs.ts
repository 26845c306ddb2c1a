import { WgradError } from '../errors.ts'
import type { Idx } from './idx.ts'
import { type Random, random } from './random.ts'

const side = 28

type Point = readonly [x: number, y: number]
type Stroke = readonly Point[]

/** Points from coordinates x0, y0, x1, y1, ... */
function line(...xy: number[]): Point[] {
  return Array.from({ length: xy.length / 2 }, (_, i) => [xy[2 * i] as number, xy[2 * i + 1] as number])
}

/** Points along part of an ellipse. Degrees run clockwise from three o'clock, since y points down. */
function arc(cx: number, cy: number, rx: number, ry: number, from: number, to: number): Point[] {
  const steps = Math.max(3, Math.ceil(Math.abs(to - from) / 24))
  return Array.from({ length: steps + 1 }, (_, i) => {
    const angle = ((from + ((to - from) * i) / steps) * Math.PI) / 180
    return [cx + rx * Math.cos(angle), cy + ry * Math.sin(angle)]
  })
}

/** Ways to write each digit, each a list of pen strokes in a unit square. */
const glyphs: readonly (readonly Stroke[])[][] = [
  [[arc(0.5, 0.5, 0.27, 0.41, 0, 360)], [arc(0.5, 0.5, 0.2, 0.4, 0, 360)]],
  [
    [line(0.5, 0.08, 0.5, 0.92)],
    [line(0.34, 0.26, 0.52, 0.08, 0.52, 0.92)],
    [line(0.36, 0.24, 0.52, 0.08, 0.52, 0.92), line(0.34, 0.92, 0.7, 0.92)],
  ],
  [
    [[...arc(0.49, 0.32, 0.26, 0.24, 190, 400), ...line(0.22, 0.9, 0.8, 0.9)]],
    [[...arc(0.49, 0.3, 0.24, 0.22, 180, 390), ...arc(0.34, 0.8, 0.12, 0.1, 200, -60), ...line(0.82, 0.88)]],
  ],
  [
    [[...arc(0.46, 0.3, 0.26, 0.21, 200, 450), ...arc(0.46, 0.71, 0.29, 0.21, 270, 520)]],
    [[...line(0.24, 0.1, 0.74, 0.1, 0.46, 0.42), ...arc(0.46, 0.68, 0.28, 0.24, 285, 510)]],
  ],
  [
    [line(0.62, 0.92, 0.62, 0.08, 0.2, 0.64, 0.84, 0.64)],
    [line(0.28, 0.1, 0.24, 0.54, 0.78, 0.54), line(0.7, 0.12, 0.68, 0.92)],
  ],
  [
    [[...line(0.76, 0.1, 0.32, 0.1, 0.28, 0.46), ...arc(0.46, 0.66, 0.28, 0.24, 235, 515)]],
    [[...line(0.3, 0.12, 0.28, 0.44), ...arc(0.46, 0.67, 0.27, 0.23, 240, 500)], line(0.3, 0.12, 0.78, 0.1)],
  ],
  [
    [[...line(0.64, 0.08, 0.4, 0.3), ...arc(0.5, 0.68, 0.25, 0.23, 190, 555)]],
    [[...arc(0.62, 0.55, 0.38, 0.46, 265, 180), ...arc(0.48, 0.7, 0.24, 0.2, 180, 540)]],
  ],
  [[line(0.2, 0.1, 0.78, 0.1, 0.42, 0.92)], [line(0.22, 0.12, 0.78, 0.1, 0.46, 0.92), line(0.36, 0.5, 0.74, 0.5)]],
  [
    [arc(0.5, 0.29, 0.21, 0.2, 0, 360), arc(0.5, 0.7, 0.26, 0.22, 0, 360)],
    [[...arc(0.5, 0.3, 0.2, 0.19, 90, 430), ...arc(0.5, 0.7, 0.22, 0.21, 270, 630)]],
  ],
  [
    [arc(0.48, 0.32, 0.23, 0.22, 0, 360), line(0.71, 0.32, 0.66, 0.92)],
    [[...arc(0.48, 0.31, 0.24, 0.22, 0, 360), ...arc(0.33, 0.5, 0.38, 0.42, 0, 90)]],
  ],
]

/** Digits that were drawn, as MNIST's two files would hold them. */
export interface DrawnDigits {
  images: Extract<Idx, { dtype: 'u8' }>
  labels: Extract<Idx, { dtype: 'u8' }>
}

/**
 * Draws handwriting-like digits: for each a way to write it, a bent, slanted, turned, stretched and shifted copy
 * of its strokes, a pen of some width, and noise. Each class is equally likely.
 *
 * @param n How many digits.
 * @param options `seed` decides all of them.
 * @returns Images [n, 28, 28] with white ink (255) on black, and labels [n].
 */
export function drawDigits(n: number, options: { seed: number }): DrawnDigits {
  if (!(Number.isInteger(n) && n >= 0)) {
    throw new WgradError(`drawDigits: asked for ${n} digits; give a whole number, 0 or more`)
  }
  const pixels = new Uint8Array(n * side * side)
  const labels = new Uint8Array(n)
  for (let i = 0; i < n; i++) {
    // One generator per digit, so that a digit does not depend on how many are drawn.
    const draw = random(options.seed, i)
    const digit = draw.below(10)
    const ways = glyphs[digit] as readonly (readonly Stroke[])[]
    const strokes = ways[draw.below(ways.length)] as readonly Stroke[]
    labels[i] = digit
    ink(distort(strokes, draw), draw, pixels.subarray(i * side * side, (i + 1) * side * side))
  }
  return {
    images: { dtype: 'u8', shape: [n, side, side], data: pixels },
    labels: { dtype: 'u8', shape: [n], data: labels },
  }
}

/** Strokes in pixel coordinates after a random affine map and a shake of every point. */
function distort(strokes: readonly Stroke[], draw: Random): Stroke[] {
  const between = (low: number, high: number): number => low + (high - low) * draw.uniform()
  const turn = between(-0.3, 0.3)
  const slant = between(-0.35, 0.2)
  const width = between(14, 22)
  const height = between(17, 23)
  const dx = side / 2 + between(-2.5, 2.5)
  const dy = side / 2 + between(-2.5, 2.5)
  const shake = between(0, 0.035)
  return strokes.map((stroke) =>
    stroke.map(([px, py]): Point => {
      const y = (py - 0.5 + between(-shake, shake)) * height
      const x = (px - 0.5 + between(-shake, shake)) * width - slant * y
      return [dx + x * Math.cos(turn) - y * Math.sin(turn), dy + x * Math.sin(turn) + y * Math.cos(turn)]
    }),
  )
}

/** Draws strokes with a soft-edged pen, then adds noise to every pixel. */
function ink(strokes: readonly Stroke[], draw: Random, out: Uint8Array): void {
  const radius = 0.75 + 1.1 * draw.uniform()
  const strength = 0.75 + 0.25 * draw.uniform()
  const noise = 0.12 * draw.uniform()
  const away = squaredDistances(strokes, radius + 0.5)
  for (let i = 0; i < out.length; i++) {
    const cover = Math.min(1, Math.max(0, radius + 0.5 - Math.sqrt(away[i] as number))) * strength
    const value = cover + noise * (draw.uniform() + draw.uniform() - 1)
    out[i] = Math.round(255 * Math.min(1, Math.max(0, value)))
  }
}

/** Squared distance of each pixel's centre to the nearest stroke; infinite where it is surely beyond `reach`. */
function squaredDistances(strokes: readonly Stroke[], reach: number): Float64Array {
  const nearest = new Float64Array(side * side).fill(Number.POSITIVE_INFINITY)
  const first = (low: number): number => Math.max(0, Math.floor(low - reach - 0.5))
  const last = (high: number): number => Math.min(side - 1, Math.ceil(high + reach - 0.5))
  for (const stroke of strokes) {
    for (let i = 1; i < stroke.length; i++) {
      const [ax, ay] = stroke[i - 1] as Point
      const [bx, by] = stroke[i] as Point
      const ux = bx - ax
      const uy = by - ay
      const lengthSquared = ux * ux + uy * uy || 1
      for (let py = first(Math.min(ay, by)); py <= last(Math.max(ay, by)); py++) {
        for (let px = first(Math.min(ax, bx)); px <= last(Math.max(ax, bx)); px++) {
          const x = px + 0.5 - ax
          const y = py + 0.5 - ay
          const t = Math.min(1, Math.max(0, (x * ux + y * uy) / lengthSquared))
          const d = (x - t * ux) ** 2 + (y - t * uy) ** 2
          const at = py * side + px
          if (d < (nearest[at] as number)) nearest[at] = d
        }
      }
    }
  }
  return nearest
}
