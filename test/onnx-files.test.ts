/** ONNX files that are damaged, hostile, or hold what nets here do not have; and what our own files are. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { open } from '../lib/engine/device.ts'
import { defineNet } from '../lib/net/definition.ts'
import { conv2d } from '../lib/net/layers/conv2d.ts'
import { dense } from '../lib/net/layers/dense.ts'
import { flatten } from '../lib/net/layers/flatten.ts'
import { type Encoded, protobufWriter } from '../lib/util/files/protobuf-writer.ts'
import { fitWeights } from '../lib/weights/fit/fit.ts'
import { exportOnnx } from '../lib/weights/onnx/export/export.ts'
import { importOnnx } from '../lib/weights/onnx/import/import.ts'
import { readWeights } from '../lib/weights/read.ts'
import { processorTime } from './processor-time.ts'
import { smallNet } from './small-net.ts'

const dir = t.testdir()
const file = join(dir, 'net.onnx')
const start = await protobufWriter()

interface NodeGiven {
  readonly op: string
  readonly inputs: readonly string[]
  readonly output: string
  readonly integers?: Readonly<Record<string, readonly number[]>>
}

interface Given {
  readonly nodes?: readonly NodeGiven[]
  readonly shape?: readonly number[]
  readonly tensors?: Readonly<Record<string, readonly number[]>>
  readonly bytes?: number
  readonly external?: boolean
  readonly opset?: number
  readonly inputs?: number
  readonly output?: string
}

const gemm = { op: 'Gemm', inputs: ['flat', 'w'], output: 'y', integers: { transB: [1] } }
const flat = { op: 'Flatten', inputs: ['x'], output: 'flat' }

/** A file of a graph: by default x → flatten → Gemm → y. */
async function write({
  nodes = [flat, gemm],
  shape = [2, 1, 3, 4],
  tensors = { w: [5, 12] },
  bytes,
  external = false,
  opset = 17,
  inputs = 1,
  output = 'y'
}: Given): Promise<string> {
  const graph = start()
  for (const { op, inputs, output, integers = {} } of nodes) {
    const node = start()
    for (const input of inputs) node.text(1, input)
    node.text(2, output).text(3, `the ${op}`).text(4, op)
    for (const [name, list] of Object.entries(integers)) {
      const attribute = start().text(1, name)
      if (list.length === 1) attribute.integer(3, list[0] ?? 0)
      else for (const value of list) attribute.integer(8, value)
      node.message(5, attribute.end())
    }
    graph.message(1, node.end())
  }
  for (const [name, dims] of Object.entries(tensors)) {
    const tensor = start()
    for (const size of dims) tensor.integer(1, size)
    const count = bytes ?? dims.reduce((a, b) => a * b, 4)
    tensor.integer(2, 1).text(8, name)
    if (external)
      tensor.integer(14, 1).message(13, start().text(1, 'location').text(2, '/etc/passwd').end())
    else tensor.bytes(9, new Uint8Array(count))
    graph.message(5, tensor.end())
  }
  const dims = start()
  for (const size of shape) dims.message(1, start().integer(1, size).end())
  const type = start().message(1, start().integer(1, 1).message(2, dims.end()).end()).end()
  for (let i = 0; i < inputs; i++) {
    graph.message(
      11,
      start()
        .text(1, i === 0 ? 'x' : `x${i}`)
        .message(2, type)
        .end()
    )
  }
  graph.message(12, start().text(1, output).end())
  const model = start().integer(1, 8).message(7, graph.end())
  model.message(8, start().text(1, '').integer(2, opset).end())
  await save(model.end())
  return file
}

const save = ({ parts }: Encoded) => writeFile(file, Buffer.concat(parts))

t.test('a file of such nodes is read', async (t) => {
  const { definition, tensors } = await importOnnx(await write({}))
  t.same(
    definition.layers.map(({ node }) => node.kind),
    ['flatten', 'dense']
  )
  t.same(tensors.get(`${definition.layers[1]?.name}.weight`)?.shape, [5, 12])
})

const relu = (from: string, output: string) => ({ op: 'Relu', inputs: [from], output })
const cases: readonly [string, Given, RegExp][] = [
  ['a cycle', { nodes: [relu('b', 'a'), relu('a', 'b')] }, /the Relu.*gives, got 'b'/],
  ['an input that nothing gives', { nodes: [flat, { ...gemm, inputs: ['flat', 'v'] }] }, /got 'v'/],
  ['an output that nothing gives', { output: 'z' }, /an output that a node gives, got 'z'/],
  ['a name twice', { nodes: [flat, relu('flat', 'flat')] }, /'flat' twice/],
  [
    'an operator that is not supported',
    { nodes: [{ op: 'Einsum', inputs: ['x'], output: 'y' }] },
    /node 'the Einsum' \(Einsum\)/
  ],
  ['a shape that overflows', { tensors: { w: [2 ** 31, 2 ** 31] }, bytes: 4 }, /a shape of sizes/],
  ['a shape below 0', { tensors: { w: [-5, 12] }, bytes: 240 }, /a shape of sizes from 0/],
  [
    'fewer values than the shape says',
    { tensors: { w: [1 << 20, 1 << 12] }, bytes: 4 },
    /bytes for f32/
  ],
  ['weights for another input', { tensors: { w: [5, 13] } }, /weights for 12 inputs/],
  ['values in another file', { external: true }, /in another file.*not supported/],
  ['an old opset', { opset: 6 }, /opset 7 or later/],
  ['two inputs', { inputs: 2 }, /one input/],
  ['an open size', { shape: [2, 1, 3] }, /\[N, C, H, W\]/],
  ['a huge input', { shape: [1, 2 ** 40, 2, 2] }, /\[N, C, H, W\]/],
  ['maps at the end', { nodes: [relu('x', 'y')] }, /rows \[N, classes\]/],
  [
    'pads below 0',
    {
      nodes: [
        {
          op: 'MaxPool',
          inputs: ['x'],
          output: 'p',
          integers: { kernel_shape: [2, 2], pads: [-1, 0, 0, 0] }
        },
        { ...flat, inputs: ['p'] },
        gemm
      ],
      tensors: { w: [5, 4] }
    },
    /the MaxPool.*pads from 0/
  ],
  [
    '11,000 nodes',
    { nodes: Array.from({ length: 11_000 }, (_, i) => relu(`${i}`, `${i + 1}`)) },
    /at most 10000 nodes/
  ]
]

for (const [name, given, message] of cases) {
  t.test(name, async (t) => {
    const path = await write(given)
    const error = { name: 'DamagedFileError', message }
    const seconds = await processorTime(() => t.rejects(importOnnx(path), error))
    t.ok(seconds < 1.5, 'at once')
  })
}

t.test('bytes that are cut, empty, or no ONNX', async (t) => {
  const whole = await readFile(await write({}))
  for (const length of [0, 1, 10, whole.length >> 1, whole.length - 1]) {
    await writeFile(file, whole.subarray(0, length))
    await t.rejects(importOnnx(file), { name: 'DamagedFileError' }, `${length} bytes`)
  }
  await writeFile(file, 'not a model of any kind')
  await t.rejects(importOnnx(file), { name: 'DamagedFileError' })
  await t.rejects(importOnnx(join(dir, 'none')), { name: 'DiskError' })
})

t.test('our own files', async (t) => {
  await using device = await open('cpu', { threads: 1 })
  await using net = await smallNet().build(device, { batch: 1 })
  const bytes = async (options: object) => {
    await exportOnnx(net, file, options)
    return readFile(file)
  }
  const plain = await bytes({ classes: ['a', 'b'] })
  t.same(await bytes({ classes: ['a', 'b'] }), plain, 'equal nets give equal bytes')
  t.ok((await bytes({ dtype: 'f16' })).length < plain.length * 0.6, 'f16 halves the file')
  const { metadata } = await importOnnx(file)
  t.equal(metadata.net, 'small')
  await bytes({ classes: ['a', 'b'] })
  t.equal((await importOnnx(file)).metadata.classes, '["a","b"]')
  await t.rejects(exportOnnx(net, file, { withPreprocessing: true }), /expected preprocessing/)
  const image = { height: 20, width: 20, channels: 1, fit: 'crop', filter: 'x' } as const
  const crop = { top: 0, left: 0 }
  const small = { image, crop, mean: [0], divisor: [1] }
  await t.rejects(
    exportOnnx(net, file, { preprocessing: small }),
    /a crop of 28×28 inside of 20×20/
  )
})

t.test('as files of weights', async (t) => {
  const definition = defineNet({
    name: 'two',
    input: { channels: 1, height: 6, width: 6 },
    layers: [conv2d({ name: 'c', filters: 2, size: 3 }), flatten(), dense({ name: 'd', units: 3 })]
  })
  await using device = await open('cpu', { threads: 1 })
  await using net = await definition.build(device, { batch: 1 })
  await exportOnnx(net, file, { dtype: 'f16' })
  const read = await readWeights(file)
  t.equal(read.format, 'onnx')
  const fit = await fitWeights(definition, read)
  t.same(fit.missing, [])
  t.equal(fit.taken.length, 4)
  const own = await net.parameters.export(net.stream)
  for (const [name, { data }] of await fit.read()) {
    const far = data.findIndex((value, i) => Math.abs(value - (own.get(name)?.data[i] ?? 9)) > 1e-3)
    t.equal(far, -1, name)
  }
  await write({ nodes: [{ op: 'Einsum', inputs: ['x'], output: 'y' }] })
  t.match((await readWeights(file)).notes, [/its graph is not read: .*Einsum/])
})
