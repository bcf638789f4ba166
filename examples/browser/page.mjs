/** Classifies a picture with net.onnx, which `alexnode export RUN net.onnx --with-preprocessing` wrote. */

import { metadataOf } from './metadata.mjs'
import * as ort from './onnxruntime/ort.wasm.min.mjs'
import { decode, prepared } from './picture.mjs'

ort.env.wasm.wasmPaths = new URL('./onnxruntime/', import.meta.url).href
// More threads need a page that is isolated from others, by headers of its server.
ort.env.wasm.numThreads = 1

const byId = (id) => document.getElementById(id)
const say = (text) => {
  byId('status').textContent = text
}

async function load() {
  const answer = await fetch('net.onnx')
  if (!answer.ok) throw new Error(`net.onnx: ${answer.status} ${answer.statusText}`)
  const bytes = new Uint8Array(await answer.arrayBuffer())
  const metadata = metadataOf(bytes)
  const preprocessing = JSON.parse(metadata.preprocessing ?? '{}')
  if (!preprocessing.in_graph) {
    throw new Error('net.onnx reads numbers: export it again, with --with-preprocessing')
  }
  const session = await ort.InferenceSession.create(bytes, { executionProviders: ['wasm'] })
  return { session, preprocessing, classes: JSON.parse(metadata.classes ?? '[]') }
}

async function classify({ session, preprocessing, classes }, file) {
  say(`Looking at ${file.name}…`)
  const { data, height, width, channels } = prepared(
    await decode(file, preprocessing),
    preprocessing
  )
  show(data, height, width, channels)
  const image = new ort.Tensor('uint8', data, [1, height, width, channels])
  const { probabilities } = await session.run({ image }, ['probabilities'])
  const ranked = Array.from(probabilities.data, (probability, label) => ({ label, probability }))
  ranked.sort((a, b) => b.probability - a.probability || a.label - b.label)
  const items = ranked.slice(0, 5).map(({ label, probability }) => {
    const item = document.createElement('li')
    const name = classes[label] ?? `class ${label}`
    item.textContent = `${(100 * probability).toFixed(1)} % ${name}`
    item.dataset.class = name
    item.dataset.probability = String(probability)
    return item
  })
  byId('result').replaceChildren(...items)
  say(`${file.name} is probably: ${items[0]?.dataset.class}`)
}

/** Draws the bytes that the net reads. */
function show(data, height, width, channels) {
  const canvas = byId('seen')
  canvas.height = height
  canvas.width = width
  const shown = new ImageData(width, height)
  for (let i = 0; i < height * width; i++) {
    for (let c = 0; c < 3; c++)
      shown.data[i * 4 + c] = data[i * channels + (channels === 1 ? 0 : c)]
    shown.data[i * 4 + 3] = 255
  }
  canvas.getContext('2d').putImageData(shown, 0, 0)
}

try {
  const net = await load()
  // One picture after the other.
  let last = Promise.resolve()
  const look = (files) => {
    const [file] = files
    if (!file) return
    const work = last.then(() => classify(net, file))
    last = work.catch((error) => say(`${file.name} cannot be read: ${error.message}`))
  }
  const drop = byId('drop')
  const input = byId('file')
  const mark = (on) => (event) => {
    event.preventDefault()
    drop.classList.toggle('over', on)
  }
  drop.addEventListener('dragover', mark(true))
  drop.addEventListener('dragleave', mark(false))
  drop.addEventListener('drop', (event) => {
    mark(false)(event)
    look(event.dataTransfer.files)
  })
  input.addEventListener('change', () => look(input.files))
  input.disabled = false
  say('Ready.')
} catch (error) {
  say(`Could not begin: ${error.message}`)
}
