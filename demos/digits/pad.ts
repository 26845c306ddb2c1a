import { element, onceAFrame } from '../common/elements.ts'
import type { Point, Stroke } from './strokes.ts'

/** The drawing pad. */
export interface Pad {
  readonly strokes: readonly Stroke[]
  clear(): void
}

/** Share of the pad's side that the pen is wide. */
const penWidth = 0.075

/** Makes the pad draw with mouse, finger and pen; `onChange` comes with each frame in which something was drawn. */
export function drawingPad(onChange: (strokes: readonly Stroke[]) => void): Pad {
  const canvas = element('pad', HTMLCanvasElement)
  const hint = element('pad-hint', HTMLElement)
  const strokes: Point[][] = []
  let pointer: number | null = null

  const draw = (): void => {
    const side = Math.round(canvas.clientWidth * devicePixelRatio)
    if (canvas.width !== side) Object.assign(canvas, { width: side, height: side })
    const context = canvas.getContext('2d')
    if (!context) return
    context.clearRect(0, 0, side, side)
    Object.assign(context, { strokeStyle: '#fff', lineWidth: penWidth * side, lineCap: 'round', lineJoin: 'round' })
    for (const stroke of strokes) {
      context.beginPath()
      for (const { x, y } of stroke) context.lineTo(x * side, y * side)
      // A touch without a move leaves a dot.
      if (stroke.length === 1 && stroke[0]) context.lineTo(stroke[0].x * side, stroke[0].y * side)
      context.stroke()
    }
    hint.hidden = strokes.length > 0
  }
  const changed = onceAFrame(() => {
    draw()
    onChange(strokes)
  })
  const add = (event: PointerEvent): void => {
    const { left, top, width, height } = canvas.getBoundingClientRect()
    strokes.at(-1)?.push({ x: (event.clientX - left) / width, y: (event.clientY - top) / height })
  }

  canvas.addEventListener('pointerdown', (event) => {
    if (pointer !== null || event.button !== 0) return
    pointer = event.pointerId
    canvas.setPointerCapture(pointer)
    strokes.push([])
    add(event)
    changed()
  })
  canvas.addEventListener('pointermove', (event) => {
    if (event.pointerId !== pointer) return
    // What happened between two frames, so that fast strokes stay round.
    const between = event.getCoalescedEvents()
    for (const each of between.length > 0 ? between : [event]) add(each)
    changed()
  })
  for (const type of ['pointerup', 'pointercancel'] as const) {
    canvas.addEventListener(type, (event) => {
      if (event.pointerId === pointer) pointer = null
    })
  }
  new ResizeObserver(onceAFrame(draw)).observe(canvas)
  return {
    strokes,
    clear() {
      strokes.length = 0
      draw()
    },
  }
}
