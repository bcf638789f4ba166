/** Readers of arrays: safetensors, npy, HDF5, IDX, CIFAR. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { findCifar, loadCifarFolder } from '../../../lib/data/cifar.ts'
import type { Dataset } from '../../../lib/data/dataset.ts'
import { loadIdxFolder } from '../../../lib/data/idx/folder.ts'
import { readIdx } from '../../../lib/data/idx/idx.ts'
import { openIndex, writeIndex } from '../../../lib/use/feature-index.ts'
import { readNpy, writeNpy } from '../../../lib/util/files/npy.ts'
import { readSafetensors, writeSafetensors } from '../../../lib/util/files/safetensors.ts'
import { bytesOf, gzipped, jsonOf, npyHeader, range, safetensorsHeader, textOf } from './parts.ts'
import { type Files, must, type Reader } from './reader.ts'

/** The files that `write` makes in a folder of its own. */
export async function made(
  names: readonly string[],
  write: (folder: string) => Promise<unknown>
): Promise<Files> {
  const folder = await mkdtemp(join(tmpdir(), 'alexnode-fuzz-seed-'))
  try {
    await write(folder)
    const files: Files = new Map()
    for (const name of names) files.set(name, await readFile(join(folder, name)))
    return files
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const floats = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer)

export const tensors = {
  'conv1.weight': { dtype: 'f32', shape: [2, 1, 1, 2], data: floats(1, 2, 3, 4) },
  'conv1.bias': { dtype: 'f32', shape: [2], data: floats(5, 6) },
  mask: { dtype: 'u8', shape: [3], data: Uint8Array.of(1, 0, 1) },
  none: { dtype: 'bf16', shape: [0, 4], data: new Uint8Array() }
} as const

const safetensors: Reader = {
  name: 'safetensors',
  seed: () =>
    made(['a.safetensors'], (folder) =>
      writeSafetensors(join(folder, 'a.safetensors'), tensors, { format: 'pt', step: '3' })
    ),
  parts: [safetensorsHeader('a.safetensors'), bytesOf('a.safetensors')],
  async read(folder) {
    const { tensors } = await readSafetensors(join(folder, 'a.safetensors'))
    for (const [name, { shape, data }] of Object.entries(tensors)) {
      const count = shape.reduce((a, b) => a * b, 1)
      must(count === 0 ? data.length === 0 : data.length % count === 0, `${name}: [${shape}]`)
    }
  }
}

async function* rowsOf(...rows: readonly number[][]) {
  for (const row of rows) yield Float32Array.from(row)
}

const npy: Reader = {
  name: 'npy',
  seed: () =>
    made(['a.npy'], (folder) =>
      writeNpy(join(folder, 'a.npy'), 3, rowsOf([1, 2, 3], [4, 5, 6, 7, 8, 9]))
    ),
  parts: [npyHeader('a.npy'), bytesOf('a.npy')],
  async read(folder) {
    const { shape, rows } = await readNpy(join(folder, 'a.npy'))
    let count = 0
    for await (const { values } of rows()) count += values.length
    must(count === shape[0] * shape[1], `${count} values for ${shape}`)
  }
}

const features: Reader = {
  name: 'features',
  seed: () =>
    made(['f.npy', 'f.npy.json'], (folder) =>
      writeIndex(join(folder, 'f.npy'), 2, rowsOf([1, 2], [3, 4]), () => ({
        run: '/runs/a',
        weights: 'ab'.repeat(32),
        net: 'alexnet',
        layer: 'fc7',
        folder: '/pictures',
        images: [{ file: 'a.jpg', class: 'a' }, { file: 'b.jpg' }]
      }))
    ),
  parts: [jsonOf('f.npy.json'), npyHeader('f.npy')],
  async read(folder) {
    const index = await openIndex(join(folder, 'f.npy'))
    for await (const { values } of index.rows()) {
      must(values.length % index.width === 0, `rows of ${index.width}`)
    }
    must(
      index.images.every(({ file }) => typeof file === 'string'),
      'an image without a file'
    )
  }
}

/** An IDX file of bytes. */
export function idx(dims: readonly number[], fill: (i: number) => number): Buffer {
  const header = Buffer.alloc(4 + 4 * dims.length)
  header.writeUInt32BE(0x0800 | dims.length)
  for (const [i, size] of dims.entries()) header.writeUInt32BE(size, 4 + 4 * i)
  const count = dims.reduce((a, b) => a * b)
  return Buffer.concat([header, Uint8Array.from({ length: count }, (_, i) => fill(i))])
}

const images = idx([3, 4, 5], (i) => i * 4)
const labels = idx([3], (i) => i)

const idxFile = (name: string, file: string, bytes: Uint8Array): Reader => ({
  name,
  seed: () => new Map([[file, bytes]]),
  parts: [
    ...(file.endsWith('.gz') ? [gzipped(file)] : [range(file, 0, 16)]),
    bytesOf(file),
    range(file, 0, 24)
  ],
  async read(folder) {
    const { dims, data } = await readIdx(join(folder, file), { rank: 3 })
    must(dims.reduce((a, b) => a * b) === data.length, `${dims} of ${data.length} bytes`)
  }
})

/** Reads all images of a set, and checks their labels. */
export async function readAllImages({ train, test }: Dataset): Promise<void> {
  for (const set of [train, test]) {
    const count = Math.min(set.length, 64)
    const pixels = new Uint8Array(count * set.height * set.width * set.channels)
    const labels = new Int32Array(count)
    await set.read(
      Uint32Array.from({ length: count }, (_, i) => i),
      pixels,
      labels
    )
    const wrong = labels.find((label) => label < 0 || label >= set.classes.length)
    must(wrong === undefined, `the label ${wrong} of ${set.classes.length} classes`)
    const { mean, std, channels } = set
    must(mean.length === channels && mean.every(Number.isFinite), `mean ${mean}`)
    must(std.length === channels && std.every((one) => one > 0), `std ${std}`)
  }
}

const folderNames = [
  'train-images-idx3-ubyte',
  'train-labels-idx1-ubyte',
  't10k-images-idx3-ubyte',
  't10k-labels-idx1-ubyte.gz'
] as const

const idxFolder: Reader = {
  name: 'idx-folder',
  seed: () =>
    new Map(
      folderNames.map((name) => {
        const bytes = name.includes('labels') ? labels : images
        return [name, name.endsWith('.gz') ? gzipSync(bytes) : bytes]
      })
    ),
  parts: [
    ...folderNames.slice(0, 3).map((name) => range(name, 0, 19)),
    gzipped(folderNames[3]),
    ...folderNames.map((name) => bytesOf(name))
  ],
  read: async (folder) => readAllImages(await loadIdxFolder(folder))
}

const cifarFiles = [...[1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`), 'test_batch.bin']

const cifar: Reader = {
  name: 'cifar',
  seed: () =>
    new Map([
      ...cifarFiles.map((name, i): [string, Uint8Array] => [
        name,
        Buffer.concat([Buffer.of(i), Buffer.alloc(3072, i * 40)])
      ]),
      ['batches.meta.txt', Buffer.from('a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n')]
    ]),
  parts: [
    ...cifarFiles.slice(4).flatMap((name) => [bytesOf(name), range(name, 0, 1)]),
    textOf('batches.meta.txt')
  ],
  async read(folder) {
    const found = await findCifar(folder)
    if (found) await readAllImages(await loadCifarFolder(found))
  }
}

export const arrayReaders: readonly Reader[] = [
  safetensors,
  npy,
  features,
  idxFile('idx', 'a-idx3-ubyte', images),
  idxFile('idx-gzip', 'a-idx3-ubyte.gz', gzipSync(images)),
  idxFolder,
  cifar
]
