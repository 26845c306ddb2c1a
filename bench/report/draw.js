// Draws charts into a place of a page. The file is also put into bench.html as it stands, so it imports nothing.

const colours = { wgrad: '#2f6fdb', tfjs: '#e08a1e', jax: '#2a9d6f', ort: '#b04a8f' }

/** Draws `charts` (of charts.ts) into `place` with `Chart`, Chart.js's class. Answers the drawn ones, to destroy them. */
export function drawCharts(Chart, charts, place, { text, line }) {
  return charts.map(({ title, axis, logarithmic, base, labels, bars }) => {
    const section = document.createElement('section')
    const heading = document.createElement('h3')
    heading.textContent = title
    const box = document.createElement('div')
    box.className = 'chart'
    box.style.height = `${90 + labels.length * (12 + 14 * bars.length)}px`
    const canvas = document.createElement('canvas')
    canvas.setAttribute('role', 'img')
    canvas.setAttribute('aria-label', `${title}; the tables have the figures`)
    box.append(canvas)
    section.append(heading, box)
    place.append(section)
    // Names of workloads take half a phone's width as one line.
    const isNarrow = box.clientWidth < 560
    const lines = (label) => (isNarrow ? label.replace(/(.{12}\S*) /g, '$1\n').split('\n') : label)
    const ticks = { color: text }
    return new Chart(canvas, {
      type: 'bar',
      data: {
        labels: labels.map(lines),
        datasets: bars.map(({ name, values, told }) => ({
          label: name,
          data: values,
          told,
          backgroundColor: colours[name] ?? '#888',
          ...(logarithmic && base === 0 ? {} : { base }),
        })),
      },
      options: {
        indexAxis: 'y',
        animation: false,
        maintainAspectRatio: false,
        scales: {
          x: {
            type: logarithmic ? 'logarithmic' : 'linear',
            ...(logarithmic ? {} : { min: 0 }),
            title: { display: true, text: axis, color: text },
            grid: { color: line },
            ticks: { ...ticks, maxTicksLimit: isNarrow ? 5 : 10, callback: (value) => String(value) },
          },
          y: { grid: { color: line }, ticks: { ...ticks, autoSkip: false } },
        },
        plugins: {
          legend: { labels: { color: text } },
          tooltip: { callbacks: { label: ({ dataset, dataIndex }) => dataset.told[dataIndex] } },
        },
      },
    })
  })
}
