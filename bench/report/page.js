// Draws the charts of bench.html; runs in the page, behind Chart.js and draw.js.
const style = getComputedStyle(document.documentElement)
const look = { text: style.getPropertyValue('--text'), line: style.getPropertyValue('--line') }
const charts = JSON.parse(document.getElementById('charts-data').textContent)
drawCharts(Chart, charts, document.getElementById('charts'), look)
