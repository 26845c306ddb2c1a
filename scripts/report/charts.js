// Runs inside a report: draws its charts from the page's own data.
const report = JSON.parse(document.getElementById('data').textContent)
const colorOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim()

function seriesOptions({ color, points }) {
  const stroke = colorOf(`--${color}`)
  if (points) return { stroke, width: 0, paths: () => null, points: { show: true, size: 4, fill: stroke } }
  return { stroke, width: color === 'faint' ? 1 : 2, points: { show: false } }
}

function drawChart(place, { x, y = {}, series, bands = [] }) {
  const axis = { stroke: colorOf('--soft'), grid: { stroke: colorOf('--line'), width: 1 }, ticks: { show: false } }
  const isLog = y.scale === 'log'
  const options = {
    width: place.clientWidth,
    height: Math.round(Math.min(360, Math.max(256, place.clientWidth * 0.4))),
    legend: { show: false },
    cursor: { points: { show: false }, y: false },
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC'),
    // The range of the values themselves: whole powers of ten would leave most of the height empty.
    scales: {
      x: { time: x.kind === 'time' },
      y: isLog ? { distr: 3, range: (_, low, high) => [low * 0.85, high * 1.15] } : {},
    },
    axes: [
      x.kind === 'time' ? axis : { ...axis, label: x.name, labelSize: 16, labelGap: 0, size: 34 },
      {
        ...axis,
        ...(y.name && { label: y.name, labelSize: 18, labelGap: 0 }),
        size: 56,
        values: (_, ticks) => ticks.map((tick) => (tick === null ? '' : String(Number(tick.toPrecision(3))))),
      },
    ],
    series: [{}, ...series.map(seriesOptions)],
    bands: bands.map((pair) => ({
      series: pair.map((at) => at + 1),
      fill: `color-mix(in srgb, ${colorOf('--accent')} 18%, transparent)`,
    })),
  }
  return new uPlot(options, [x.values, ...series.map(({ values }) => values)], place)
}

for (const [i, place] of document.querySelectorAll('.chart').entries()) {
  let chart = null
  let width = 0
  const draw = () => {
    chart?.destroy()
    width = place.clientWidth
    chart = drawChart(place, report.charts[i])
  }
  draw()
  new ResizeObserver(() => {
    if (place.clientWidth !== width) draw()
  }).observe(place)
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw)
}
