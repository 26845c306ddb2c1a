import type { ChartData } from './charts.ts'

/** Draws charts into a place with Chart.js's class; answers what was drawn. */
export function drawCharts<Drawn>(
  Chart: new (canvas: HTMLCanvasElement, config: never) => Drawn,
  charts: readonly ChartData[],
  place: HTMLElement,
  look: { readonly text: string; readonly line: string },
): Drawn[]
