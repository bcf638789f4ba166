// Files of Caffe, which Google's protobuf library wrote: both versions of layers, and damaged ones.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { caffe, conv2d, defineNet, dense, flatten, open, torchvision } from '../lib/index.ts'
import { readMeanFile } from '../lib/weights/caffe/mean.ts'
import { fitWeights } from '../lib/weights/fit/fit.ts'
import { readWeights } from '../lib/weights/read.ts'
import { processorTime } from './processor-time.ts'

const kept = join(import.meta.dirname, 'weights/kept/caffe')
const { protobuf }: { protobuf: string } = JSON.parse(
  readFileSync(join(kept, 'versions.json'), 'utf8')
)
t.comment(`protobuf ${protobuf}`)

/** The values of blob n of a file: see weights/caffe_files.py. */
const value = (i: number, n: number) => (((i * 37 + n) % 129) - 64) / 64
const values = (count: number, n: number) =>
  Float32Array.from({ length: count }, (_, i) => value(i, n))
const input = { channels: 3, height: 67, width: 67 }
const bvlc = (classes = 5) => caffe({ width: 1 / 16, input, classes })

t.test("bvlc_alexnet's layers fit net caffe, with conv1 turned to RGB", async (t) => {
  const file = await readWeights(join(kept, 'old.caffemodel'))
  t.match(file, { format: 'caffe', metadata: { net: 'AlexNet' }, notes: [] })
  t.strictSame(file.tensors.get('fc6.weight')?.shape, [1, 1, 256, 16])
  const fit = await fitWeights(bvlc(), file)
  t.match(fit, { missing: [], unused: [], head: undefined })
  t.equal(fit.taken.length, 16)
  t.strictSame(
    fit.taken.filter(({ how }) => how.length > 0).map(({ parameter, how }) => [parameter, how]),
    [['conv1.weight', ['BGR to RGB']]]
  )
  const tensors = await fit.read()
  const bgr = values(6 * 363, 0)
  // [filter, channel, place]: channel 0, red, is Caffe's channel 2.
  const rgb = bgr.map((_, i) => {
    const [filter, channel, place] = [Math.floor(i / 363), Math.floor((i % 363) / 121), i % 121]
    return bgr[filter * 363 + (2 - channel) * 121 + place] ?? 0
  })
  t.strictSame(tensors.get('conv1.weight'), { shape: [6, 3, 11, 11], data: rgb })
  t.strictSame(tensors.get('conv2.weight'), { shape: [16, 3, 5, 5], data: values(1200, 2) })
  t.strictSame(tensors.get('fc7.weight'), { shape: [256, 256], data: values(65536, 12) })
  t.strictSame(tensors.get('fc8.bias'), { shape: [5], data: values(5, 15) })

  const device = await open('cpu', { threads: 1 })
  t.teardown(() => device.close())
  await using net = await bvlc().build(device, { batch: 1 })
  await net.parameters.import(net.stream, tensors)
  t.strictSame((await net.parameters.export(net.stream)).get('conv1.weight')?.data, rgb)
})

t.test('other classes, and another net', async (t) => {
  const file = await readWeights(join(kept, 'old.caffemodel'))
  const fit = await fitWeights(bvlc(3), file)
  t.strictSame(fit.head, { layer: 'fc8', classes: 3, fileClasses: 5 })
  const other = await fitWeights(torchvision({ width: 1 / 16, input, classes: 5 }), file)
  t.match(other.missing[0], {
    name: 'conv1.weight',
    why: 'expected [4,3,11,11], got [6,3,11,11] of conv1.weight'
  })
})

t.test('layers of the newer version, f64, and a transposed product', async (t) => {
  const file = await readWeights(join(kept, 'new.caffemodel'))
  t.strictSame(file.notes, ['layers that are no convolution or inner product, not used: "bn"'])
  const net = defineNet({
    name: 'small',
    input: { channels: 1, height: 4, width: 4 },
    layers: [
      conv2d({ name: 'conv', filters: 2, size: 3 }),
      flatten(),
      dense({ name: 'product', units: 4 }),
      dense({ name: 'more', units: 4 }),
      dense({ name: 'out', units: 3 })
    ]
  })
  const fit = await fitWeights(net, file)
  t.match(fit.missing, [
    { name: 'more.weight', why: 'the file has no layer of this name and kind' },
    { name: 'more.bias' },
    { name: 'out.bias', why: 'layer out of the file has no bias' }
  ])
  t.match(fit.unused, [{ name: 'bn.0' }, { name: 'bn.1' }, { name: 'bn.2' }])
  const tensors = await fit.read()
  t.strictSame(tensors.get('conv.weight')?.data, values(18, 0))
  t.strictSame(
    tensors.get('product.weight')?.data,
    Float32Array.from({ length: 32 }, (_, i) => value((i % 8) * 4 + Math.floor(i / 8), 5))
  )
  t.strictSame(tensors.get('out.weight')?.data, values(12, 7))
  t.strictSame(fit.taken.find(({ tensor }) => tensor === 'out.weight')?.how, ['f64 to f32'])
})

t.test('older, damaged and hostile files', async (t) => {
  await t.rejects(
    readWeights(join(kept, 'v0.caffemodel')),
    /convert it where Caffe is: upgrade_net/
  )
  await t.rejects(readWeights(join(kept, 'mean.binaryproto')), { name: 'DamagedFileError' })
  const path = join(t.testdir(), 'a.caffemodel')
  const whole = readFileSync(join(kept, 'new.caffemodel'))
  const changed = (at: number, ...bytes: number[]) => {
    const copy = Buffer.from(whole)
    copy.set(bytes, at)
    return copy
  }
  // 0a 05 'small' a2 06 length: the first layer; its name is at 11.
  const cases: readonly (readonly [string, Uint8Array])[] = [
    ['cut', whole.subarray(0, 100)],
    ['length beyond the end', changed(9, 0xff, 0x7f)],
    ['length of 2^63', Buffer.from('0a05736d616c6ca206ffffffffffffffff7f', 'hex')],
    ['name alone', whole.subarray(0, 7)],
    ['layers without weights', Buffer.from('0a01 61 a206 03 0a01 62'.replaceAll(' ', ''), 'hex')],
    [
      'shape of 2^60',
      Buffer.from(
        '0a0161a2061512 0a 436f6e766f6c7574696f 3a07 3a05 0a03 808080'.replaceAll(' ', ''),
        'hex'
      )
    ]
  ]
  for (const [name, bytes] of cases) {
    writeFileSync(path, bytes)
    const error = { name: 'DamagedFileError', message: /a\.caffemodel: / }
    const seconds = await processorTime(() => t.rejects(readWeights(path), error, name))
    t.ok(seconds < 1.5, name)
  }
  // Every byte that is cut off, of the part before the long blobs, is told.
  for (let length = 0; length < 60; length++) {
    writeFileSync(path, whole.subarray(0, length))
    await t.rejects(readWeights(path), { name: 'DamagedFileError' })
  }
})

t.test('mean files: BGR planes become pixels of RGB', async (t) => {
  const dir = t.testdir()
  const mean = await readMeanFile(join(kept, 'mean.binaryproto'))
  t.strictSame(mean.shape, [4, 5, 3])
  t.strictSame([...mean.data.subarray(0, 6)], [40, 20, 0, 41, 21, 1])
  t.strictSame(mean.data.at(-1), 19)
  const path = join(dir, 'mean.npy')
  const npy = (descr: string, shape: string, data: ArrayBufferView) => {
    const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape}), }`.padEnd(
      117
    )
    const size = Buffer.alloc(2)
    size.writeUInt16LE(118)
    const bytes = Buffer.from(data.buffer)
    writeFileSync(
      path,
      Buffer.concat([
        Buffer.from('\x93NUMPY\x01\0', 'latin1'),
        size,
        Buffer.from(`${header}\n`),
        bytes
      ])
    )
    return readMeanFile(path)
  }
  const planes = Float64Array.from({ length: 60 }, (_, i) => i)
  t.strictSame(await npy('<f8', '3, 4, 5', planes), mean)
  t.strictSame(await npy('<f4', '3,', Float32Array.of(104, 117, 123)), {
    shape: [3],
    data: Float32Array.of(123, 117, 104)
  })
  for (const [making, message] of [
    [() => npy('<f4', '3, 4, 5', planes), /240 bytes for \[3,4,5\], got 480/],
    [() => npy('<i4', '3,', planes), /an array of '<f4' or '<f8'/],
    [
      () => npy('<f8', '5, 4, 3', planes),
      /expected \[1 or 3 channels, rows, columns\].*, got \[5,4,3\]/
    ],
    [() => npy('<f8', '60', planes), /got \[60\]/],
    [() => readMeanFile(join(kept, 'new.caffemodel')), /mean|protobuf|expected/]
  ] as const) {
    await t.rejects(making(), { name: 'DamagedFileError', message })
  }
})
