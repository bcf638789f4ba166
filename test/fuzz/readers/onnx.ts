/** The reader of ONNX: a net with every kind of layer, and one that PyTorch wrote. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { open } from '../../../lib/engine/device.ts'
import { exportOnnx } from '../../../lib/weights/onnx/export/export.ts'
import { importOnnx } from '../../../lib/weights/onnx/import/import.ts'
import { readWeights } from '../../../lib/weights/read.ts'
import { smallNet } from '../../small-net.ts'
import { made } from './arrays.ts'
import { bytesOf, range } from './parts.ts'
import { type Files, must, type Reader } from './reader.ts'

const NAME = 'a.onnx'
const kept = join(import.meta.dirname, '../../judges/kept')

async function ours(): Promise<Files> {
  await using device = await open('cpu', { threads: 1 })
  await using net = await smallNet().build(device, { batch: 1 })
  // Awaited before the net is closed.
  return await made([NAME], (folder) =>
    exportOnnx(net, join(folder, NAME), { classes: ['a', 'b'] })
  )
}

/** @param graph bytes at the begin of the file, where its nodes are */
const onnx = (name: string, seed: Reader['seed'], graph: number): Reader => ({
  name,
  seed,
  parts: [range(NAME, 0, graph), bytesOf(NAME), range(NAME, 0, 64)],
  async read(folder) {
    const path = join(folder, NAME)
    const { definition, tensors } = await importOnnx(path)
    must(definition.layers.length > 0, 'no layers')
    for (const [name, { shape, data }] of tensors) {
      must(shape.reduce((a, b) => a * b, 1) === data.length, `${name}: [${shape}]`)
    }
    const { tensors: all } = await readWeights(path)
    for (const [name, tensor] of all) {
      const { length } = await tensor.read()
      must(tensor.shape.reduce((a, b) => a * b, 1) === length, `${name}: [${tensor.shape}]`)
    }
  }
})

export const onnxReaders: readonly Reader[] = [
  onnx('onnx', ours, 4000),
  onnx(
    'onnx-pytorch',
    async () => new Map([[NAME, await readFile(join(kept, 'torch-mixed.onnx'))]]),
    9000
  )
]
