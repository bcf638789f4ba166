// Files of Keras as files of weights: each layout that it writes gives the same net, and hostile HDF5 is refused.
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { dense, open } from '../lib/index.ts'
import { saveKerasWeights } from '../lib/run/index.ts'
import { fitWeights } from '../lib/weights/fit/fit.ts'
import { readWeights } from '../lib/weights/read.ts'
import { small } from './weights/keras-small.ts'
import { dotted, logitsOf } from './weights/outputs.ts'
import { zipOf } from './weights/zip.ts'

const kept = join(import.meta.dirname, 'judges/kept')
const {
  predictions,
  versions
}: { predictions: number[][]; versions: Readonly<Record<string, string>> } = JSON.parse(
  readFileSync(join(kept, 'keras-small.json'), 'utf8')
)

const device = await open('cpu', { threads: 1 })
t.teardown(() => device.close())
const dir = t.testdir()

/** [N, H, W, C] to [N, C, H, W], of 9 × 7 pixels in 2 channels. */
const images = () => {
  const given = dotted(4 * 126)
  return given.map((_, i) => {
    const [n, c, p] = [Math.floor(i / 126), Math.floor((i % 126) / 63), i % 63]
    return given[n * 126 + p * 2 + c] ?? 0
  })
}

for (const [name, notes] of [
  ['keras-small.h5', 0],
  ['keras-small-whole.h5', 1],
  ['keras-small.weights.h5', 0],
  ['keras-small.keras', 1]
] as const) {
  t.test(`${name} of Keras ${versions.keras}`, async (t) => {
    const { fit, logits } = await logitsOf(device, small(), join(kept, name), images())
    t.equal(fit.taken.length, 12)
    t.match(fit, { missing: [], unused: [], head: undefined })
    const how = (parameter: string) => fit.taken.find((one) => one.parameter === parameter)?.how
    t.strictSame(how('a.weight'), ['HWIO to OIHW'])
    t.strictSame(how('c.weight'), ['[in, out] to [out, in]', 'inputs from H, W, C to C, H, W'])
    t.strictSame(how('d.weight'), ['[in, out] to [out, in]'])
    const worst = predictions
      .flat()
      .reduce(
        (most, p, i) => Math.max(most, Math.abs(p - 1 / (1 + Math.exp(-(logits[i] ?? 9))))),
        0
      )
    t.ok(worst < 1e-5, `${worst} off`)
    const file = await readWeights(join(kept, name))
    t.equal(file.format, 'keras')
    if (!name.endsWith('weights.h5')) t.match(file.metadata, { keras_version: /^\d+\.\d+/ })
    t.ok(file.notes.length >= notes)
  })
}

t.test('another head, and counts of layers that differ', async (t) => {
  const file = await readWeights(join(kept, 'keras-small.h5'))
  const other = await fitWeights(small(9), file)
  t.strictSame(other.head, { layer: 'd', classes: 9, fileClasses: 3 })
  t.equal(other.taken.length, 10)
  const longer = await fitWeights(small(3, dense({ name: 'e', units: 5 })), file)
  t.equal(longer.taken.length, 8)
  t.match(longer.missing[0], {
    name: 'c.weight',
    why: 'the file has 2 layers of kind dense, small has 3, and their names differ'
  })
})

t.test('from Keras to here to Keras', async (t) => {
  const path = join(dir, 'again.weights.h5')
  await using net = await small().build(device, { batch: 1 })
  const file = await readWeights(join(kept, 'keras-small.keras'))
  await net.parameters.import(net.stream, await (await fitWeights(small(), file)).read())
  await saveKerasWeights(net, path)
  const again = await readWeights(path)
  t.strictSame([...again.tensors.keys()].sort(), [...file.tensors.keys()].sort())
  for (const [name, tensor] of file.tensors) {
    t.strictSame(await again.tensors.get(name)?.read(), await tensor.read(), name)
  }
})

const hostile: Readonly<Record<string, RegExp>> = {
  loop: /got links that form a loop/,
  'soft-loop': /got links that form a loop/,
  deep: /a deeper one/,
  huge: /at most 16 times the file's size, got more, up to 'layers\/dense\/vars\/0'/,
  bomb: /at most 16 times the file's size/,
  virtual: /expected values in this file, got links to others/,
  'big-endian': /expected little-endian values/,
  nested: /expected layers of one model, got a model or a layer in another/,
  'external-link': /got none/
}
t.test('HDF5 that h5py wrote', async (t) => {
  const files = join(import.meta.dirname, 'weights/kept/hdf5')
  for (const [name, message] of Object.entries(hostile)) {
    await t.rejects(readWeights(join(files, `${name}.h5`)), { message }, name)
  }
  const half = await readWeights(join(files, 'half.h5'))
  t.strictSame(
    [...half.tensors].map(([name, { dtype, shape }]) => [name, dtype, shape]),
    [
      ['layers/dense/vars/0', 'f16', [2, 2]],
      ['layers/dense/vars/1', 'f64', [2]]
    ]
  )
  t.strictSame(
    [...((await half.tensors.get('layers/dense/vars/0')?.read()) ?? [])],
    [0.5, -2, 65504, 2 ** -24]
  )
  // Its values would be bytes of another file of this machine.
  const external = await readWeights(join(files, 'external.h5'))
  const reading = async () => void (await external.tensors.get('layers/dense/vars/0')?.read())
  await t.rejects(reading(), {
    name: 'DamagedFileError',
    message: /external\.h5: expected HDF5, got a damaged file/
  })
})

t.test('archives of Keras that are damaged', async (t) => {
  // A folder for temporary files of this test alone.
  const { TMPDIR } = process.env
  process.env.TMPDIR = mkdtempSync(join(dir, 'tmp-'))
  t.teardown(() => {
    if (TMPDIR === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = TMPDIR
  })
  const path = join(dir, 'a.keras')
  const refused = async (bytes: Uint8Array, message: RegExp) => {
    writeFileSync(path, bytes)
    await t.rejects(readWeights(path), { name: 'DamagedFileError', message })
  }
  const entry = { name: 'model.weights.h5', data: new Uint8Array(1e7), deflate: true }
  await refused(
    zipOf([entry]),
    /weights of at most 16 times the archive's size, got 10000000 bytes/
  )
  await refused(zipOf([{ ...entry, bytes: 100 }]), /expected a zip archive, got/)
  await refused(
    zipOf([{ ...entry, data: Buffer.from('no HDF5'), deflate: false }]),
    /expected HDF5/
  )
  const left = await readdir(tmpdir())
  t.strictSame(
    left.filter((name) => name.startsWith('alexnode-keras-')),
    []
  )
})
