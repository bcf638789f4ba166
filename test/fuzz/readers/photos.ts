/** Readers of photographs: pictures, tars, lists, folders, and sets that were prepared. */
import { join } from 'node:path'
import { decodePhoto } from '../../../lib/data/photos/decode.ts'
import { openPhotos } from '../../../lib/data/photos/open.ts'
import { prepare } from '../../../lib/data/photos/prepare/prepare.ts'
import { openSource } from '../../../lib/data/photos/scan/index.ts'
import { picture, tarOf, writeFiles } from '../../photo-files.ts'
import { made, readAllImages } from './arrays.ts'
import { deviceOf } from './device.ts'
import { bytesOf, isRecord, jsonLine, jsonOf, range, repairTar, textOf } from './parts.ts'
import { must, type Reader } from './reader.ts'
import { repairManifest, repairShard } from './shards.ts'

const small = { width: 12, height: 9 }

const photo = (kind: 'jpeg' | 'png' | 'webp'): Reader => ({
  name: kind,
  seed: async () => new Map([[`a.${kind}`, await picture(1, { ...small, kind })]]),
  parts: [range(`a.${kind}`, 0, 200), bytesOf(`a.${kind}`)],
  async read(folder) {
    const { data, height, width } = await decodePhoto(join(folder, `a.${kind}`), { size: 8 })
    must(data.length === height * width * 3, `${height}×${width} in ${data.length} bytes`)
  }
})

/** Lists a source, and reads all of it. */
async function readSource(path: string): Promise<void> {
  const source = await openSource(path)
  try {
    for (const part of [source.train, source.test]) {
      for (let i = 0; i < (part?.length ?? 0); i++) {
        const label = part?.label(i) ?? 0
        must(label >= 0 && label < source.classes.length, `the label ${label}`)
        await part?.read(i).catch((error: unknown) => {
          // A picture that cannot be read is skipped by its error, which names it in the source.
          if (!(error instanceof Error && error.name === 'PhotoError')) throw error
        })
      }
    }
  } finally {
    await source.close()
  }
}

const long = `${'folder/'.repeat(20)}c/4.jpg`

const tar: Reader = {
  name: 'tar',
  async seed() {
    const inner = await tarOf({ '0.jpg': 'inner', '1.jpg': 'more' })
    const members = { 'a/0.jpg': 'one', 'a/1.jpg': 'two', 'b/2.jpg': 'three', [long]: 'four' }
    return new Map([['a.tar', await tarOf({ ...members, 'd.tar': inner })]])
  },
  // Headers: of the first member, of a long name (pax), and of the tar in the tar.
  parts: [
    range('a.tar', 0, 512),
    range('a.tar', 3072, 4608),
    range('a.tar', 3584, 4096, 'text'),
    range('a.tar', 5632, 6144),
    bytesOf('a.tar')
  ],
  repair: (files) => repairTar(files, 'a.tar'),
  read: (folder) => readSource(join(folder, 'a.tar'))
}

const list = (name: string, text: string): Reader => ({
  name: `list-${name.split('.').at(-1)}`,
  seed: () =>
    new Map<string, Uint8Array>([
      [name, Buffer.from(text)],
      ['a.jpg', Buffer.from('one')],
      ['b c.jpg', Buffer.from('two')],
      ['classes.txt', Buffer.from('cat\ndog\nfish\n')]
    ]),
  parts: [textOf(name), textOf(name), textOf('classes.txt')],
  read: (folder) => readSource(join(folder, name))
})

const truth = 'ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt'
const map = 'ILSVRC2012_devkit_t12/data/map_clsloc.txt'

const ilsvrc: Reader = {
  name: 'ilsvrc',
  seed: () =>
    new Map(
      Object.entries({
        'train/n01440764/n01440764_1.JPEG': 'one',
        'train/n01443537/n01443537_2.JPEG': 'two',
        'val/ILSVRC2012_val_00000001.JPEG': 'three',
        'val/ILSVRC2012_val_00000002.JPEG': 'four',
        [truth]: '2\n1\n',
        [map]: 'n01440764 1 tench\nn01443537 2 goldfish\n',
        'train.txt': 'train/n01440764/n01440764_1.JPEG 0\n'
      }).map(([name, text]) => [name, Buffer.from(text)])
    ),
  parts: [textOf(truth), textOf(map), textOf('train.txt')],
  read: (folder) => readSource(folder)
}

/** Pictures of two classes, as files of a source. */
async function pets(): Promise<Record<string, Uint8Array>> {
  const files: Record<string, Uint8Array> = {}
  for (let i = 0; i < 6; i++) {
    files[`pets/${i % 2 === 0 ? 'cat' : 'dog'}/${i}.jpg`] = await picture(i, small)
  }
  return files
}

const shards = ['train-00000.shard', 'train-00001.shard']

const prepared = (store: 'raw' | 'jpeg'): Reader => ({
  name: `prepared-${store}`,
  seed: async () => {
    const pictures = await pets()
    const make = async (folder: string) => {
      await writeFiles(folder, pictures)
      const sizes = { size: 8, shardBytes: 900 }
      await prepare(join(folder, 'pets'), join(folder, 'out'), { store, ...sizes })
    }
    const names = ['dataset.json', 'mean-image.f32', ...shards]
    const files = await made(
      names.map((name) => `out/${name}`),
      make
    )
    return new Map([...files].map(([name, bytes]) => [name.slice(4), bytes]))
  },
  parts: [
    jsonOf('dataset.json'),
    jsonOf('dataset.json'),
    jsonLine(shards[0] ?? '', 17, 512),
    range(shards[0] ?? '', 512, 600),
    range(shards[0] ?? '', 4096, 4800),
    bytesOf(shards[0] ?? ''),
    bytesOf('mean-image.f32')
  ],
  repair(files) {
    for (const name of shards) repairShard(files, name)
    repairManifest(files)
  },
  async read(folder) {
    const data = await openPhotos(folder, { threads: 1 })
    try {
      await readAllImages(data)
      await loadImages(data.train)
    } finally {
      await data.close()
    }
  }
})

/** Loads images by native threads, as training does. */
async function loadImages(set: Awaited<ReturnType<typeof openPhotos>>['train']): Promise<void> {
  const count = Math.min(set.length, 8)
  const bytes = count * set.height * set.width * set.channels
  if (bytes === 0 || bytes > 1 << 24) return
  const device = await deviceOf()
  using staging = device.staging(bytes)
  const indices = Uint32Array.from({ length: count }, (_, i) => i)
  await set.load?.(indices, staging, 0, new Int32Array(count))
}

/** A preparation that was interrupted after its first shard goes on. */
const progress: Reader = {
  name: 'progress',
  seed: async () => {
    const pictures = await pets()
    const make = async (folder: string) => {
      await writeFiles(folder, pictures)
      const stop = new AbortController()
      const onProgress = (done: number) => done > 3 && stop.abort(new Error('enough'))
      const options = { size: 8, shardBytes: 400, signal: stop.signal, onProgress, atOnce: 1 }
      await prepare(join(folder, 'pets'), join(folder, 'out'), options).catch(() => {})
    }
    const kept = ['out/progress.json', 'out/train-00000.shard']
    return new Map([...Object.entries(pictures), ...(await made(kept, make))])
  },
  parts: [jsonOf('out/progress.json'), jsonOf('out/progress.json'), bytesOf(shardOf('out'))],
  repair: (files) => repairShard(files, shardOf('out')),
  async read(folder) {
    const options = { size: 8, shardBytes: 400 }
    const { manifest } = await prepare(join(folder, 'pets'), join(folder, 'out'), options)
    must(isRecord(manifest), 'no manifest')
    const data = await openPhotos(join(folder, 'out'), { threads: 1 })
    try {
      await readAllImages(data)
      must(data.train.length > 0, 'no image to train on')
    } finally {
      await data.close()
    }
  }
}

function shardOf(folder: string): string {
  return `${folder}/${shards[0]}`
}

export const photoReaders: readonly Reader[] = [
  photo('jpeg'),
  photo('png'),
  photo('webp'),
  tar,
  list('list.csv', 'image,label\na.jpg,0\nb c.jpg,1 3 4\n'),
  list('list.txt', 'a.jpg cat\nb c.jpg dog\n# none\n'),
  ilsvrc,
  prepared('raw'),
  prepared('jpeg'),
  progress
]
