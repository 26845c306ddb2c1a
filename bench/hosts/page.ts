import { Cell } from '../cell.ts'

declare global {
  /** What the program calls in the page. */
  var cell: Cell
}

globalThis.cell = new Cell(navigator.gpu)
