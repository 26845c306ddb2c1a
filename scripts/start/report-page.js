// Runs inside the report: draws the loss curve and the digits from the page's own data.
const { steps, losses, smoothed, digits } = JSON.parse(document.getElementById('data').textContent)

const place = document.getElementById('chart')
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim()
let chart

function drawChart() {
  chart?.destroy()
  const axis = { stroke: color('--soft'), grid: { stroke: color('--line'), width: 1 }, ticks: { show: false } }
  const options = {
    width: place.clientWidth,
    height: Math.round(Math.min(360, Math.max(256, place.clientWidth * 0.4))),
    legend: { show: false },
    cursor: { points: { show: false }, y: false },
    // The range of the losses themselves: whole powers of ten would leave most of the height empty.
    scales: { x: { time: false }, y: { distr: 3, range: (_, low, high) => [low * 0.85, high * 1.15] } },
    axes: [
      { ...axis, label: 'step', labelSize: 16, labelGap: 0, size: 34 },
      {
        ...axis,
        size: 56,
        values: (_, ticks) => ticks.map((tick) => (tick === null ? '' : String(Number(tick.toPrecision(2))))),
      },
    ],
    series: [
      {},
      { stroke: color('--faint'), width: 1, points: { show: false } },
      { stroke: color('--accent'), width: 2, points: { show: false } },
    ],
  }
  chart = new uPlot(options, [steps, losses, smoothed], place)
}

function drawDigit({ pixels, label, read, sure }) {
  const item = document.createElement('li')
  const canvas = document.createElement('canvas')
  canvas.width = 28
  canvas.height = 28
  const image = new ImageData(28, 28)
  const bytes = atob(pixels)
  for (let i = 0; i < 784; i++)
    image.data.set([bytes.charCodeAt(i), bytes.charCodeAt(i), bytes.charCodeAt(i), 255], i * 4)
  canvas.getContext('2d').putImageData(image, 0, 0)
  canvas.setAttribute('role', 'img')
  canvas.setAttribute('aria-label', `the digit ${label}, read as ${read}`)
  const text = document.createElement('span')
  text.textContent = label === read ? String(read) : `${read} \u2260 ${label}`
  item.title = `a ${label}, read as ${read} (${Math.round(sure * 100)} % sure)`
  if (label !== read) item.className = 'wrong'
  item.append(canvas, text)
  return item
}

for (const name of ['wrong', 'first']) document.getElementById(name).append(...digits[name].map(drawDigit))
drawChart()
let width = place.clientWidth
new ResizeObserver(() => {
  if (place.clientWidth === width) return
  width = place.clientWidth
  drawChart()
}).observe(place)
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawChart)
