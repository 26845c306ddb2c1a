import { element } from '../common/elements.ts'
import { clusterColour } from './colours.ts'

/** A picture of points, which move from where they were. */
export interface Scatter {
  /** Points [n, 2], the cluster of each or null, and how many clusters there are. */
  set(points: Float32Array, labels: Int32Array | null, clusters: number): void
}

/** Milliseconds that points take to their new places. */
const journey = 450

interface Frame {
  /** [n, 2], from 0 to 1. */
  readonly places: Float32Array
  readonly labels: Int32Array | null
  readonly clusters: number
}

/** The canvas `scatter` of the page. */
export function scatter(): Scatter {
  const canvas = element('scatter', HTMLCanvasElement)
  const still = matchMedia('(prefers-reduced-motion: reduce)')
  let from: Frame | null = null
  let to: Frame | null = null
  let begun = 0
  let isDrawing = false

  const draw = (): void => {
    const context = canvas.getContext('2d')
    isDrawing = false
    if (!context || !to) return
    const share = still.matches ? 1 : Math.min(1, (performance.now() - begun) / journey)
    const eased = share * share * (3 - 2 * share)
    const side = fit(canvas)
    const size = Math.max(2, side / 190)
    const soft = getComputedStyle(canvas).color
    context.clearRect(0, 0, canvas.width, canvas.height)
    const { places, labels, clusters } = to
    const colours = Array.from({ length: clusters }, (_, cluster) => clusterColour(cluster, clusters))
    const before = from?.places.length === places.length ? from.places : places
    for (let i = 0; 2 * i < places.length; i++) {
      const at = (k: 0 | 1): number => {
        const old = before[2 * i + k] as number
        return (0.03 + 0.94 * (old + eased * ((places[2 * i + k] as number) - old))) * side
      }
      context.fillStyle = colours[labels?.[i] ?? -1] ?? soft
      context.fillRect(at(0) - size / 2, at(1) - size / 2, size, size)
    }
    isDrawing = share < 1
    if (isDrawing) requestAnimationFrame(draw)
  }
  const begin = (): void => {
    if (isDrawing) return
    isDrawing = true
    requestAnimationFrame(draw)
  }
  new ResizeObserver(begin).observe(canvas)
  return {
    set(points, labels, clusters) {
      from = to
      to = { places: unit(points), labels, clusters }
      begun = performance.now()
      const groups = labels ? new Set(labels).size : 0
      const course = groups > 0 ? `${points.length / 2} points in ${groups} clusters` : `${points.length / 2} points`
      canvas.setAttribute('aria-label', `Where the samples are: ${course}`)
      begin()
    },
  }
}

/** Points moved and scaled into a square from 0 to 1. */
function unit(points: Float32Array): Float32Array {
  const low = [Infinity, Infinity]
  const high = [-Infinity, -Infinity]
  points.forEach((value, i) => {
    low[i % 2] = Math.min(low[i % 2] as number, value)
    high[i % 2] = Math.max(high[i % 2] as number, value)
  })
  return points.map((value, i) => {
    const [from, to] = [low[i % 2] as number, high[i % 2] as number]
    return to > from ? (value - from) / (to - from) : 0.5
  })
}

/** Gives the canvas as many pixels as it takes on the screen; its side. */
function fit(canvas: HTMLCanvasElement): number {
  const side = Math.max(1, Math.round(canvas.clientWidth * devicePixelRatio))
  if (canvas.width !== side) {
    canvas.width = side
    canvas.height = side
  }
  return side
}
