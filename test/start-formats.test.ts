// What `--from` takes of files that PyTorch, Keras, Caffe and PyTorch's ONNX export wrote, and what the command says of
// those whose net is another.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { caffe, open, torchvision } from '../lib/index.ts'
import { takeWeights } from '../lib/run/take-weights.ts'
import { fitStart, openStart } from '../lib/use/start.ts'
import { importOnnx } from '../lib/weights/onnx/import/import.ts'
import { writeSmallSet } from './idx-files.ts'
import { runProgram } from './programs.ts'
import { small } from './weights/keras-small.ts'

const dir = t.testdir()
const files = {
  torch: join(import.meta.dirname, 'weights/kept/torch/trained.pth'),
  keras: join(import.meta.dirname, 'judges/kept/keras-small.h5'),
  caffe: join(import.meta.dirname, 'weights/kept/caffe/old.caffemodel'),
  onnx: join(import.meta.dirname, 'judges/kept/torch-alexnet.onnx')
}
const input = { channels: 3, height: 67, width: 67 }
/** By format: the net of its file with so many classes more, and its last layer. */
const nets = {
  torch: (more: number) => torchvision({ width: 1 / 64, classes: 7 + more }),
  keras: (more: number) => small(3 + more),
  caffe: (more: number) => caffe({ width: 1 / 16, input, classes: 5 + more }),
  onnx: async () => (await importOnnx(files.onnx)).definition
} as const

/** A comparison by tap takes minutes for so many numbers. */
const same = (a: Float32Array, b: Float32Array = new Float32Array()) =>
  Buffer.from(a.buffer, a.byteOffset, a.byteLength).equals(
    Buffer.from(b.buffer, b.byteOffset, b.byteLength)
  )

const device = await open('cpu', { threads: 1 })
t.teardown(() => device.close())

for (const [format, path] of Object.entries(files)) {
  t.test(format, async (t) => {
    for (const more of format === 'onnx' ? [0] : [0, 2]) {
      const definition = await nets[format as keyof typeof nets](more)
      const start = await openStart(path, definition.name)
      await using net = await definition.build(device, { batch: 1, seed: 5 })
      const before = await net.parameters.export(net.stream)
      const classes = Array.from({ length: net.classes }, (_, i) => `${i}`)
      const all = [...new Set(net.parameters.all.map(({ layer }) => layer))]
      const head = all.at(-1) ?? ''
      const frozen = new Set(all.filter((layer) => layer !== head))
      const found = await fitStart(start, definition, classes, frozen)
      t.strictSame(found.layers, more > 0 ? [...frozen] : all)
      t.strictSame(
        found.anew.map(({ layer }) => layer),
        more > 0 ? [head] : []
      )
      await takeWeights(net, path, found)
      const after = await net.parameters.export(net.stream)
      const taken = new Map(found.tensors.map((one) => [one.parameter, one]))
      for (const [name, { data }] of after) {
        const wanted = (await taken.get(name)?.read()) ?? before.get(name)?.data
        t.ok(same(data, wanted), name)
        if (taken.has(name)) t.notOk(same(data, before.get(name)?.data), `${name} is another`)
      }
    }
  })
}

t.test('files of another net leave no run', async (t) => {
  const data = join(dir, 'data')
  await writeSmallSet(data)
  for (const [format, path] of Object.entries(files)) {
    const out = join(dir, format)
    const args = ['--net', 'fashion', '--batch', '2', '--steps', '1', '--threads', '1']
    const place = ['--data', data, '--from', path, '--out', out]
    const ended = await runProgram('lib/cli/train.ts', [...args, ...place])
    t.not(ended.code, 0, format)
    const said = ended.err.replaceAll(/\s+/g, ' ')
    t.match(said, /expected weights that fit fashion, got those of another net/, format)
    t.notOk(existsSync(out))
  }
})
