import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { residualNet } from '../examples/custom-net.ts'
import { arrayImageSet } from '../lib/data/array-image-set.ts'
import { open } from '../lib/engine/device.ts'
import type { NetDefinition } from '../lib/net/definition.ts'
import { netByName, netNames } from '../lib/net/models/index.ts'
import { evenStart } from '../lib/net/models/start.ts'
import type { Net } from '../lib/net/net.ts'
import { outputs } from '../lib/use/outputs.ts'
import { exportOnnx, type OnnxOptions } from '../lib/weights/onnx/export/export.ts'
import { importOnnx } from '../lib/weights/onnx/import/import.ts'
import { farthest } from './judges/check.ts'
import { keptFolder } from './judges/kept.ts'
import { computed, type OnnxAnswer } from './judges/onnx-import.ts'
import { shake } from './judges/onnx-parts.ts'
import { everyWindow } from './onnx-nets.ts'
import { smallNet } from './small-net.ts'

const dir = t.testdir()
const device = await open('cpu', { threads: 2 })
t.teardown(() => device.close())

async function logitsOf(net: Net): Promise<readonly number[]> {
  const { channels, height, width } = net.definition.input
  const images = new Uint8Array(3 * channels * height * width).map((_, i) => (i * 7919) % 251)
  const labels = new Uint8Array(3)
  const classes = Array.from({ length: net.classes }, (_, i) => `${i}`)
  const set = arrayImageSet({ images, labels, height, width, channels, classes })
  const all: number[] = []
  for await (const { values } of outputs(net, set)) all.push(...values)
  return all
}

/** Exports a net, imports the file, and compares the logits of both. */
async function around(definition: NetDefinition, options: OnnxOptions = {}) {
  await using net = await definition.build(device, { batch: 3, training: false })
  await shake(net)
  const file = join(dir, 'net.onnx')
  await exportOnnx(net, file, options)
  const imported = await importOnnx(file)
  await using again = await imported.definition.build(device, { batch: 3, training: false })
  await again.parameters.import(again.stream, imported.tensors)
  const [ours, theirs] = [await logitsOf(net), await logitsOf(again)]
  const error = Math.max(...ours.map((value, i) => Math.abs(value - (theirs[i] ?? Number.NaN))))
  return { error, size: Math.max(...ours.map(Math.abs)), imported }
}

const small = { width: 1 / 8, classes: 7 }
const nets: [string, NetDefinition][] = [
  ...netNames.map((name): [string, NetDefinition] => [name, evenStart(netByName(name, small))]),
  ['towers without links', netByName('alexnet', { ...small, links: false, scaleAt: 'test' })],
  ['every kind of layer', smallNet()],
  ['windows of every form', everyWindow()],
  ['examples/custom-net.ts', residualNet]
]

for (const [name, definition] of nets) {
  t.test(`${name}, there and back`, async (t) => {
    const { error, size, imported } = await around(definition)
    t.ok(error <= 1e-5 * size, `an error of ${error} of ${size}`)
    t.same(imported.definition.input, definition.input)
    t.same(imported.definition.head.output, definition.head.output)
    t.equal(imported.definition.name, definition.name)
  })
}

const kept: readonly OnnxAnswer[] = JSON.parse(
  readFileSync(join(keptFolder, 'onnx-torch.json'), 'utf8')
)
for (const { net, values, ...given } of kept) {
  t.test(`PyTorch's ${net}: onnxruntime's outputs`, async (t) => {
    t.ok(values.length > 0)
    const ours = await computed(device, join(keptFolder, `torch-${net}.onnx`), given)
    const error = farthest(ours, values)
    t.ok(error <= 1e-4, `an error of ${error}`)
  })
}
