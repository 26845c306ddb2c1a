// Runs inside the report, behind the charts: draws the digits from the page's own data.
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

for (const name of ['wrong', 'first']) document.getElementById(name).append(...report.own.digits[name].map(drawDigit))
