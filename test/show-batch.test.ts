// A batch as a net sees it, as pictures on a sheet, and the program that writes it.
import { join } from 'node:path'
import t from 'tap'
import { arrayImageSet } from '../lib/data/array-image-set.ts'
import { loadSharp } from '../lib/data/photos/sharp.ts'
import { open } from '../lib/engine/device.ts'
import { contactSheet } from '../lib/training/input/contact-sheet.ts'
import { seenBatch } from '../lib/training/input/seen-batch.ts'
import { ImageOrder } from '../lib/training/loop/image-order.ts'
import { writeSet } from './idx-files.ts'
import { objects, runProgram } from './programs.ts'

const sharp = await loadSharp()

t.test('a sheet', async (t) => {
  const bytes = Uint8Array.from({ length: 3 * 2 * 2 }, (_, i) => 100 + i)
  const { data, height, width } = contactSheet({ bytes, height: 2, width: 2, channels: 1 })
  t.same([height, width], [10, 10], 'two rows of two, and gaps')
  const pixel = (row: number, column: number) => [
    ...data.subarray((row * width + column) * 3, (row * width + column) * 3 + 3)
  ]
  t.same(pixel(0, 0), [40, 40, 40])
  t.same(pixel(2, 2), [100, 100, 100])
  t.same(pixel(3, 7), [107, 107, 107])
  t.same(pixel(6, 3), [109, 109, 109])
  t.same(pixel(7, 7), [40, 40, 40], 'where there is no picture')
})

t.test('what a net sees', async (t) => {
  await using device = await open('cpu')
  const [height, width, channels] = [6, 8, 3]
  const images = Uint8Array.from({ length: 4 * height * width * channels }, (_, i) => i % 251)
  const labels = Uint8Array.of(2, 1, 0, 1)
  const classes = ['a', 'b', 'c']
  const set = {
    ...arrayImageSet({ images, labels, height, width, channels, classes }),
    meanImage: new Float32Array(height * width * channels).fill(99)
  }
  const indices = Uint32Array.of(3, 0)
  const size = { height: 4, width: 4 }
  const input = { fit: 'crop', mean: 'pixel', divide: 7 } as const
  const seen = await seenBatch(device, set, { indices, size, input, training: false })
  const cut = [...indices].flatMap((image) =>
    Array.from({ length: 4 * 4 * 3 }, (_, i) => {
      const [row, at] = [Math.floor(i / 12), i % 12]
      return images[((image * height + 1 + row) * width + 2) * 3 + at]
    })
  )
  t.same([...seen.pictures.bytes], cut, 'the centre, with the mean added back')
  t.same([...seen.labels], [1, 2])
  t.match(seen.input, { mean: 'pixel', divide: 7 })
  t.match(device.memory(), { live: 0, blocks: 0 })
})

t.test('the program', async (t) => {
  const folder = t.testdir({})
  const out = join(folder, 'batch.png')
  // Twelve images of 4×3, whose labels count from 0 to 9.
  const data = await writeSet(join(folder, 'data'))
  const show = (...more: string[]) => {
    const args = ['--data', data, '--net', 'fashion', '--batch', '5', '--out', out, '--json']
    return runProgram('lib/cli/main.ts', ['show-batch', ...args, ...more])
  }
  const { code, out: said } = await show()
  t.equal(code, 0)
  const [object] = objects(said)
  t.match(object, { images: 5, input: { fit: 'resize', flip: false } })
  const { width, height, format } = await sharp(out).metadata()
  t.same([width, height, format], [3 * 226 + 2, 2 * 226 + 2, 'png'])

  const order = new ImageOrder({ length: 12, batch: 5, seed: 1 })
  for (let step = 0; step < 4; step++) order.next()
  const later = await show('--step', '4')
  t.same(
    objects(later.out)[0]?.labels,
    Array.from(order.next(), (index) => `${index % 10}`)
  )
  t.match(await show('--step', `${2 ** 32 - 1}`), { code: 0 }, 'no step is too far')
  const jpeg = await show('--out', 'batch.jpg')
  t.match(jpeg, { code: 2, out: '', err: /expected a name that ends in \.png, got batch\.jpg/ })
})
