// What must be learnable is learnt: nets of a few layers, and the whole AlexNet, come to know one batch by
// heart. A backward pass that is wrong anywhere does not get there.
import { createReadStream, existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { extract } from 'tar-stream'
import {
  alexnet,
  arrayImageSet,
  conv2d,
  defineNet,
  dense,
  flatten,
  type ImageSet,
  lrn,
  maxPool,
  type NetDefinition,
  open,
  relu,
  shapes,
  type TrainOptions,
  train
} from '../lib/index.ts'

/** Steps until the loss of the batch, which is the whole set, is below .05, and all losses until then. */
async function overfit(definition: NetDefinition, set: ImageSet, options: TrainOptions) {
  await using device = await open('cpu')
  await using net = await definition.build(device, { batch: set.length, seed: 1 })
  const losses: number[] = []
  for await (const { loss } of train(net, set, options)) {
    losses.push(loss)
    if (loss < 0.05) break
  }
  return losses
}

const rounded = (losses: readonly number[]) => losses.map((loss) => loss.toFixed(3)).join(' ')

t.test('a small net learns 32 generated images by heart', async (t) => {
  const definition = defineNet({
    name: 'small',
    input: { channels: 1, height: 28, width: 28 },
    layers: [
      conv2d({ filters: 16, size: 5, padding: 'same' }),
      relu(),
      lrn(),
      maxPool({ size: 3, stride: 2 }),
      conv2d({ filters: 32, size: 3, padding: 'same', groups: 2 }),
      relu(),
      maxPool({ size: 3, stride: 2 }),
      flatten(),
      dense({ units: 64 }),
      relu(),
      dense({ units: 10 })
    ]
  })
  const { train: set } = shapes({ size: 28, train: 32, test: 8 })
  const losses = await overfit(definition, set, { steps: 100, lr: 0.02, momentum: 0.9 })
  t.ok((losses[0] ?? 0) > 1, 'it begins not knowing')
  t.ok((losses.at(-1) ?? 1) < 0.05, rounded(losses))
})

const side = 227
const photographs = 32
const archive = join(process.env.ALEXNODE_DATA ?? '', 'imagenet-samples.tar')
const sharp = await import('sharp').then((module) => module.default).catch(() => undefined)

/** The archive's first photographs, each a class of its own, scaled and cut to 227×227 RGB. */
async function photographSet(read: NonNullable<typeof sharp>): Promise<ImageSet> {
  const size = side * side * 3
  const images = new Uint8Array(photographs * size)
  const classes: string[] = []
  const entries = createReadStream(archive).pipe(extract())
  for await (const entry of entries) {
    if (/\.jpe?g$/i.test(entry.header.name) && classes.length < photographs) {
      const parts: Uint8Array[] = []
      for await (const part of entry) if (part instanceof Uint8Array) parts.push(part)
      const image = read(Buffer.concat(parts)).resize(side, side, { fit: 'cover' })
      const pixels = await image.removeAlpha().toColourspace('srgb').raw().toBuffer()
      images.set(pixels, classes.length * size)
      classes.push(entry.header.name)
    }
    entry.resume()
  }
  const labels = Int32Array.from(classes, (_, i) => i)
  return arrayImageSet({ images, labels, height: side, width: side, channels: 3, classes })
}

const skip = !process.env.ALEXNODE_DATA
  ? 'ALEXNODE_DATA names no folder'
  : !existsSync(archive)
    ? `there is no ${archive}`
    : !sharp
      ? 'sharp, which decodes the photographs, does not load here'
      : false

t.test('AlexNet learns 32 photographs by heart', { skip, timeout: 900_000 }, async (t) => {
  if (!sharp) return
  const set = await photographSet(sharp)
  t.equal(set.length, photographs)
  const definition = alexnet({ classes: photographs, dropout: 0, init: 'he' })
  const losses = await overfit(definition, set, { steps: 200, lr: 0.005, momentum: 0.9 })
  t.ok((losses[0] ?? 0) > 2, 'it begins not knowing')
  t.ok((losses.at(-1) ?? 1) < 0.05, rounded(losses))
  t.comment(`${losses.length} steps: ${rounded(losses)}`)
})

t.test('alexnet with batch norm begins near the loss of a guess', async (t) => {
  const input = { channels: 1, height: 224, width: 224 }
  const set = shapes({ size: 28, train: 8, test: 8, seed: 2 }).train
  await using device = await open('cpu')
  await using net = await alexnet({ classes: 10, input, norm: 'batch' }).build(device, { batch: 8 })
  for await (const { loss } of train(net, set, { steps: 1, lr: 0.01 })) {
    t.ok(Math.abs(loss - Math.log(10)) < 0.5, `${loss}`)
  }
})
