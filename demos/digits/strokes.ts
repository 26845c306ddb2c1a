/** A point of the pad: from 0 to 1 rightwards and downwards. */
export interface Point {
  readonly x: number
  readonly y: number
}

/** The points of a pen from its touching the pad to its leaving it. */
export type Stroke = readonly Point[]

/** Pixels along a side of a digit. */
export const side = 28

/** MNIST's digits fill a box of this side, pen included. */
const box = 20

/** Half the width of the pen, in pixels of the digit: about that of MNIST's. */
const pen = 1.25

/** Strokes smaller than this share of the pad are a dot, and are not blown up to fill the box. */
const smallest = 0.12

/**
 * What was drawn, as MNIST would have it: scaled to fit a box of 20 x 20 pixels, its centre of mass in the middle of 28 x 28.
 *
 * @returns [28, 28] from 0 (paper) to 1 (ink); null where nothing was drawn.
 */
export function toDigit(strokes: readonly Stroke[]): Float32Array<ArrayBuffer> | null {
  const points = strokes.flat()
  if (points.length === 0) return null
  const xs = points.map(({ x }) => x)
  const ys = points.map(({ y }) => y)
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)]
  const scale = (box - 2 * pen) / Math.max(right - left, bottom - top, smallest)
  const place = (dx: number, dy: number): Stroke[] =>
    strokes.map((stroke) =>
      stroke.map(({ x, y }) => ({
        x: (x - (left + right) / 2) * scale + dx,
        y: (y - (top + bottom) / 2) * scale + dy,
      })),
    )
  const boxed = ink(place(side / 2, side / 2))
  const { x, y } = centreOfMass(boxed)
  return ink(place(side - x, side - y))
}

/** Coverage of each pixel by strokes in pixels. */
function ink(strokes: readonly Stroke[]): Float32Array<ArrayBuffer> {
  const out = new Float32Array(side * side)
  for (const stroke of strokes) {
    stroke.forEach((end, i) => {
      const start = stroke[Math.max(0, i - 1)] ?? end
      cover(out, start, end)
    })
  }
  return out
}

/** Adds the ink of one straight piece: full within the pen, nothing beyond half a pixel outside it. */
function cover(out: Float32Array, a: Point, b: Point): void {
  const reach = pen + 0.5
  const low = (p: number, q: number): number => Math.max(0, Math.floor(Math.min(p, q) - reach))
  const high = (p: number, q: number): number => Math.min(side - 1, Math.ceil(Math.max(p, q) + reach))
  for (let row = low(a.y, b.y); row <= high(a.y, b.y); row++) {
    for (let column = low(a.x, b.x); column <= high(a.x, b.x); column++) {
      const covered = Math.min(1, reach - distance(column + 0.5, row + 0.5, a, b))
      const at = row * side + column
      if (covered > (out[at] as number)) out[at] = covered
    }
  }
}

/** From the point (x, y) to the piece from `a` to `b`. */
function distance(x: number, y: number, a: Point, b: Point): number {
  const ux = b.x - a.x
  const uy = b.y - a.y
  const length = ux * ux + uy * uy
  const along = length > 0 ? Math.min(1, Math.max(0, ((x - a.x) * ux + (y - a.y) * uy) / length)) : 0
  return Math.hypot(x - a.x - along * ux, y - a.y - along * uy)
}

function centreOfMass(pixels: Float32Array): Point {
  let mass = 0
  let x = 0
  let y = 0
  pixels.forEach((value, at) => {
    mass += value
    x += value * ((at % side) + 0.5)
    y += value * (Math.floor(at / side) + 0.5)
  })
  return { x: x / mass, y: y / mass }
}
