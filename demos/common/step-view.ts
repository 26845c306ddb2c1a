import { lossChart, percentChart } from './charts.ts'
import type { Controls } from './controls.ts'
import type { Accuracies, StepsEvent } from './step-watcher.ts'

/** Shows how the steps of a training go: the numbers, and the curve of the losses. */
export function stepView(): (view: Controls, event: StepsEvent) => void {
  const losses = lossChart()
  return (view, { step, epoch, loss, stepsPerSecond, x, y }) => {
    view.fact('step', step.toLocaleString('en'))
    view.fact('epoch', epoch.toFixed(1))
    view.fact('loss', loss === null ? '–' : loss.toPrecision(3))
    view.fact('speed', stepsPerSecond === null ? '–' : stepsPerSecond.toPrecision(3))
    losses.set(x, y)
  }
}

/** Shows what a training measures: the latest accuracy, and the curve of them all, which `name` tells of in words. */
export function accuracyView(name: string): (view: Controls, event: Accuracies & { accuracy: number }) => void {
  const chart = percentChart('accuracy-chart', name)
  return (view, { accuracy, steps, accuracies }) => {
    view.fact('accuracy', `${(100 * accuracy).toFixed(1)} %`)
    chart.set(
      steps,
      accuracies.map((share) => 100 * share),
    )
  }
}
