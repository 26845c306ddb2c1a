// Draws the charts of bench.html; runs in the page, with Chart.js before it.
/* global Chart */
const report = JSON.parse(document.getElementById('data').textContent)
const colours = { wgrad: '#2f6fdb', tfjs: '#e08a1e', jax: '#2a9d6f', ort: '#b04a8f' }
const style = getComputedStyle(document.documentElement)
Chart.defaults.color = style.getPropertyValue('--text')
Chart.defaults.borderColor = style.getPropertyValue('--line')

function chart(title, labels, datasets, axis) {
  const section = document.createElement('section')
  const heading = document.createElement('h2')
  heading.textContent = title
  const box = document.createElement('div')
  box.className = 'chart'
  box.style.height = `${90 + labels.length * (10 + 14 * datasets.length)}px`
  const canvas = document.createElement('canvas')
  canvas.setAttribute('role', 'img')
  canvas.setAttribute('aria-label', `${title}; the table below has the figures`)
  box.append(canvas)
  section.append(heading, box)
  document.getElementById('charts').append(section)
  const callbacks = { label: ({ dataset, dataIndex }) => dataset.told[dataIndex] }
  new Chart(canvas, {
    type: 'bar',
    data: { labels, datasets },
    options: {
      indexAxis: 'y',
      animation: false,
      maintainAspectRatio: false,
      scales: { x: axis },
      plugins: { tooltip: { callbacks } },
    },
  })
}

function dataset(name, values, told) {
  return { label: name, data: values, told, backgroundColor: colours[name] ?? '#888', base: 1 }
}

for (const suite of new Set(report.workloads.map((w) => w.suite))) {
  const workloads = report.workloads.filter((w) => w.suite === suite)
  const names = [...new Set(workloads.flatMap((w) => w.rows.map((row) => row.contestant)))]
  const find = (w, name) => w.rows.find((row) => row.contestant === name)
  const labels = workloads.map((w) => w.name)
  const peers = names.filter((name) => name !== 'wgrad')
  const ratios = peers.map((name) =>
    dataset(
      name,
      workloads.map((w) => find(w, name)?.ratio?.value ?? null),
      workloads.map((w) => {
        const row = find(w, name)
        const r = row?.ratio
        return r
          ? `${name}: ${r.value.toFixed(2)} [${r.low.toFixed(2)}, ${r.high.toFixed(2)}], ${row.ms.toPrecision(3)} ms`
          : `${name}: ${row?.outcome ?? 'not run'} ${row?.message ?? ''}`
      }),
    ),
  )
  if (ratios.length > 0)
    chart(`${suite}: time over wgrad's`, labels, ratios, {
      type: 'logarithmic',
      title: { display: true, text: 'times wgrad' },
    })
  const shares = names.map((name) =>
    dataset(
      name,
      workloads.map((w) => find(w, name)?.roof ?? null),
      workloads.map((w) => {
        const row = find(w, name)
        return row?.roof == null
          ? `${name}: -`
          : `${name}: ${(100 * row.roof).toFixed(1)} %, ${row.gflops.toPrecision(3)} GFLOP/s`
      }),
    ),
  )
  for (const each of shares) each.base = 0
  if (workloads.some((w) => w.rows.some((row) => row.roof !== null)))
    chart(`${suite}: share of the nearer roof`, labels, shares, {
      min: 0,
      title: { display: true, text: 'share of the roof' },
    })
}
