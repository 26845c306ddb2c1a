import type { ReadSeriesOptions } from '../../src/data/index.ts'
import type { ForecastSettings } from './forecast-options.ts'

/** How the file of a forecaster is read: what is forecast is seen too. */
export function seriesOptions({
  columns,
  target,
  cycles,
}: Pick<ForecastSettings, 'columns' | 'target' | 'cycles'>): ReadSeriesOptions {
  return {
    ...(columns && { columns: [...new Set([...columns, ...target])] }),
    ...(cycles && { cycles }),
  }
}
