/**
 * Loading photographs beside PyTorch's DataLoader with torchvision, on the same JPEG files and cores: decoded,
 * cropped, mirrored, normalised, and delivered as f32. Prints each round's images/s and the ratio; the median
 * ratio last.
 *
 * node --import tsx bench/loader.ts SRC [BATCH=128] [ROUNDS=3] [BATCHES=12]
 *
 * SRC is a folder of pictures, or a tar of them, as `alexnode prepare` takes it. Needs a python3 with
 * torchvision (Debian's python3-torchvision).
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { conv2d, defineNet, dense, flatten, open } from 'alexnode'
import { openPhotos, type PhotoDataset } from '../lib/data/photos/open.ts'
import { prepare } from '../lib/data/photos/prepare/prepare.ts'
import { Feed } from '../lib/training/input/feed.ts'
import { median } from '../lib/util/median.ts'
import { permutation } from '../lib/util/random.ts'
import { python } from '../test/pytorch/run.ts'
import { speed } from './beside.ts'

/** Rows and columns of the crops. */
const SIZE = 227

/** Images/s of ours: a feed that brings batch after batch into a net's input, and no net behind it. */
async function ours(data: PhotoDataset, batch: number, batches: number): Promise<number> {
  await using device = await open('cpu')
  const definition = defineNet({
    name: 'none',
    input: { channels: 3, height: SIZE, width: SIZE },
    layers: [
      conv2d({ filters: 1, size: SIZE }),
      flatten(),
      dense({ units: data.train.classes.length })
    ]
  })
  await using net = await definition.build(device, { batch })
  const feed = await Feed.create(net, data.train, { input: { fit: 'crop', flip: true } })
  const warm = 2
  let start = 0
  const flying: Promise<void>[] = []
  const orderOf = (step: number) =>
    Uint32Array.from({ length: batch }, (_, i) => (step * batch + i) % data.train.length)
  const shuffle = permutation(data.train.length, 1, 0)
  for (let step = 0; step < batches + warm; step++) {
    const indices = orderOf(step).map((i) => shuffle[i] ?? 0)
    const deliver = await feed.stage({ indices, step, seed: 1 })
    flying.push(deliver())
    feed.prefetch(orderOf(step + 1).map((i) => shuffle[i] ?? 0))
    if (flying.length === 2) await flying.shift()
    if (step === warm - 1) start = performance.now()
  }
  await Promise.all(flying)
  const seconds = (performance.now() - start) / 1000
  feed.close()
  return (batches * batch) / seconds
}

/** The same images as files, a folder a class, as torchvision reads them. */
async function asFiles({ train }: PhotoDataset, folder: string): Promise<void> {
  for (let i = 0; i < train.length; i++) {
    const place = join(folder, `${i % train.classes.length}`)
    await mkdir(place, { recursive: true })
    await writeFile(join(place, `${i}.jpg`), await train.record(i))
  }
}

const [source, ...numbers] = process.argv.slice(2)
const [batch = 128, rounds = 3, batches = 12] = numbers.map(Number)
if (source === undefined) throw new Error('[bench] expected a folder or a tar of pictures')
if (!python) throw new Error('[bench] PyTorch is not installed')
const folder = await mkdtemp(join(tmpdir(), 'alexnode-loader-'))
try {
  const shards = join(folder, 'shards')
  await prepare(source, shards, { store: 'jpeg' })
  await using data = await openPhotos(shards)
  const files = join(folder, 'files')
  await asFiles(data, files)
  const peer = fileURLToPath(new URL('pytorch-loader.py', import.meta.url))
  const args = [files, ...[batch, batches, SIZE, availableParallelism()].map(String)]
  const ratios: number[] = []
  for (let round = 0; round < rounds; round++) {
    const alexnode = await ours(data, batch, batches)
    const pytorch = await speed(python, [peer, ...args])
    ratios.push(alexnode / pytorch)
    const [a, b] = [alexnode.toFixed(0), pytorch.toFixed(0)]
    console.log(`alexnode ${a} images/s, DataLoader ${b}: ${(alexnode / pytorch).toFixed(2)}×`)
  }
  console.log(`median ${median(ratios).toFixed(2)}×`)
} finally {
  await rm(folder, { recursive: true })
}
