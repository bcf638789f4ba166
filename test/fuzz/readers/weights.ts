/** Readers of files of weights that other programs wrote. */
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { defineNet } from '../../../lib/net/definition.ts'
import { conv2d } from '../../../lib/net/layers/conv2d.ts'
import { dense } from '../../../lib/net/layers/dense.ts'
import { flatten } from '../../../lib/net/layers/flatten.ts'
import { writeSafetensors } from '../../../lib/util/files/safetensors.ts'
import { fitWeights } from '../../../lib/weights/fit/fit.ts'
import { readWeights } from '../../../lib/weights/read.ts'
import { zipOf } from '../../weights/zip.ts'
import { made, tensors } from './arrays.ts'
import { bytesOf, safetensorsHeader } from './parts.ts'
import { type Files, must, type Part, type Reader } from './reader.ts'

const root = resolve(import.meta.dirname, '../..')
const net = defineNet({
  name: 'small',
  input: { channels: 1, height: 4, width: 4 },
  layers: [
    conv2d({ name: 'conv', filters: 2, size: 3 }),
    flatten(),
    dense({ name: 'product', units: 4 }),
    dense({ name: 'out', units: 3 })
  ]
})

/** Reads all values, and fits them to a net. */
async function readAll(path: string): Promise<void> {
  const file = await readWeights(path)
  for (const [name, { shape, read }] of file.tensors) {
    const values = await read()
    const count = shape.reduce((a, b) => a * b, 1)
    must(values.length === count, `${name}: ${values.length} values for [${shape}]`)
  }
  const fit = await fitWeights(net, file)
  for (const [name, { shape, data }] of await fit.read()) {
    const count = shape.reduce((a, b) => a * b, 1)
    must(data.length === count, `${name}: ${data.length} values for [${shape}]`)
  }
}

const weights = (
  name: string,
  file: string,
  seed: () => Promise<Files> | Files,
  ...parts: Part[]
): Reader => ({
  name,
  seed,
  parts: [bytesOf(file), ...parts],
  read: (folder) => readAll(join(folder, file))
})

const kept = (path: string, as: string) => async (): Promise<Files> =>
  new Map([[as, await readFile(join(root, path))]])

const FOLDER = 'a/data.pkl'
/** A state dict of one tensor [2, 3] that is a view of a storage of 6 values. */
const pickle = Buffer.from(
  '\x80\x02}X\x06\0\0\0conv.wctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\n' +
    'X\x01\0\0\x000X\x03\0\0\0cpuK\x06tQK\0(K\x02K\x03t(K\x03K\x01t\x89}tRs.',
  'latin1'
)
const archive = (part: Uint8Array) =>
  zipOf([
    { name: FOLDER, data: part },
    { name: 'a/data/0', data: new Uint8Array(24) }
  ])

/** The pickle of an archive, with sizes and places around it made right. */
const pickleOf = (file: string): Part => {
  const begin = 30 + FOLDER.length
  return {
    file,
    kind: 'bytes',
    get: (whole) => whole.subarray(begin, begin + (whole.length < 22 ? 0 : whole.readUInt32LE(18))),
    put: (_, part) => archive(part)
  }
}

export const weightReaders: readonly Reader[] = [
  weights(
    'weights-safetensors',
    'a.safetensors',
    () => made(['a.safetensors'], (at) => writeSafetensors(join(at, 'a.safetensors'), tensors)),
    safetensorsHeader('a.safetensors')
  ),
  weights('weights-torch', 'a.pth', () => new Map([['a.pth', archive(pickle)]]), pickleOf('a.pth')),
  weights('weights-torch-views', 'views.pth', kept('weights/kept/torch/views.pth', 'views.pth')),
  weights(
    'weights-caffe',
    'a.caffemodel',
    kept('weights/kept/caffe/new.caffemodel', 'a.caffemodel')
  ),
  weights('weights-keras', 'a.keras', kept('judges/kept/keras-small.keras', 'a.keras'))
]
