/** The page on which pictures are dropped: one file, which asks for nothing outside. */
import { createHash } from 'node:crypto'
import type { OutgoingHttpHeaders } from 'node:http'

const style = `
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 48rem; margin: 2rem auto; padding: 0 1rem; }
#drop { display: block; border: 2px dashed GrayText; border-radius: .5rem; padding: 2rem 1rem; text-align: center; }
#drop.over, #drop:focus-within { border-color: Highlight; }
input { display: block; margin: 1rem auto 0; max-width: 100%; }
ul { list-style: none; padding: 0; }
li { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1rem 0; }
img { width: 8rem; height: 8rem; object-fit: contain; }
li > div { flex: 1 1 14rem; min-width: 0; overflow-wrap: anywhere; }
h2 { font-size: 1rem; margin: 0; }
table { width: 100%; border-collapse: collapse; }
td { text-align: left; } td + td { text-align: right; font-variant-numeric: tabular-nums; }
`

// Names of classes and files reach the page by textContent alone: markup in them is text.
const script = `
const list = document.getElementById('answers')
const input = document.getElementById('files')
const drop = document.getElementById('drop')
const said = document.getElementById('said')
function make(parent, tag, text) {
  const made = parent.appendChild(document.createElement(tag))
  if (text !== undefined) made.textContent = text
  return made
}
async function ask(file) {
  const sent = { method: 'POST', body: file, headers: { 'content-type': 'application/octet-stream' } }
  for (;;) {
    const response = await fetch('predict', sent)
    if (response.status !== 429) return response.json()
    await new Promise((go) => setTimeout(go, 1000 * (Number(response.headers.get('retry-after')) || 1)))
  }
}
async function show(file) {
  const item = document.createElement('li')
  list.prepend(item)
  const image = make(item, 'img')
  image.alt = ''
  image.src = URL.createObjectURL(file)
  image.onload = image.onerror = () => URL.revokeObjectURL(image.src)
  const box = make(item, 'div')
  make(box, 'h2', file.name)
  const state = make(box, 'p', 'Waiting …')
  try {
    const { top, error } = await ask(file)
    if (error !== undefined) { state.textContent = error; return }
    state.remove()
    const table = make(box, 'table')
    for (const one of top) {
      const row = make(table, 'tr')
      make(row, 'td', one.class)
      make(row, 'td', one.probability === null ? 'not a number' : one.probability.toFixed(3))
    }
    said.textContent = file.name + ': ' + (top[0] ? top[0].class : '')
  } catch (error) {
    state.textContent = 'No answer: ' + error.message
  }
}
async function showAll(files) {
  for (const file of [...files]) await show(file)
}
input.addEventListener('change', () => showAll(input.files).then(() => { input.value = '' }))
addEventListener('dragover', (event) => { event.preventDefault(); drop.classList.add('over') })
addEventListener('dragleave', () => drop.classList.remove('over'))
addEventListener('drop', (event) => {
  event.preventDefault()
  drop.classList.remove('over')
  showAll(event.dataTransfer.files)
})
`

export const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>alexnode serve</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<main>
<h1>What is on a picture?</h1>
<label id="drop">Drop JPEG, PNG or WebP pictures here, or choose them:
<input id="files" type="file" multiple accept="image/jpeg,image/png,image/webp"></label>
<p id="said" role="status"></p>
<ul id="answers" aria-label="Answers"></ul>
</main>
<script>${script}</script>
</body>
</html>
`

const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`

/** They let the page run its own script, talk to this server, show the pictures that were dropped, and no more. */
export const pageHeaders: OutgoingHttpHeaders = {
  'content-security-policy': [
    "default-src 'none'",
    `script-src ${hash(script)}`,
    `style-src ${hash(style)}`,
    "connect-src 'self'",
    'img-src blob: data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'"
  ].join('; '),
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin'
}
