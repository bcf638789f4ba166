// Weights in Keras's files: what Keras has written is read, and what is written here reads back the same.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { open } from '../lib/engine/device.ts'
import { defineNet } from '../lib/net/definition.ts'
import { tanh } from '../lib/net/layers/activation.ts'
import { batchNorm } from '../lib/net/layers/batch-norm.ts'
import { conv2d } from '../lib/net/layers/conv2d.ts'
import { dense } from '../lib/net/layers/dense.ts'
import { flatten } from '../lib/net/layers/flatten.ts'
import { relu } from '../lib/net/layers/relu.ts'
import { loadH5wasm } from '../lib/util/files/hdf5.ts'
import { readHdf5 } from '../lib/util/files/hdf5-open.ts'
import { loadKerasWeights, saveKerasWeights } from '../lib/weights/keras/files.ts'

const kept = join(import.meta.dirname, 'judges/kept')
const { images, predictions }: { images: number[]; predictions: number[][] } = JSON.parse(
  readFileSync(join(kept, 'keras-small.json'), 'utf8')
)

/** The model of judges/keras_small.py. Its filters of 3×2 are not ours to make: the last layer gives logits. */
const small = (units = 5) =>
  defineNet({
    name: 'small',
    input: { channels: 2, height: 9, width: 7 },
    layers: [
      conv2d({ name: 'a', filters: 3, size: [3, 2], stride: [2, 1] }),
      relu(),
      batchNorm({ epsilon: 1e-3, momentum: 0.01 }),
      conv2d({ name: 'b', filters: 4, size: 2, padding: 'same' }),
      tanh(),
      flatten(),
      dense({ name: 'c', units }),
      relu(),
      dense({ name: 'd', units: 3 })
    ]
  })

const device = await open('cpu', { threads: 1 })
t.teardown(() => device.close())
const dir = t.testdir()

for (const file of ['keras-small.h5', 'keras-small.weights.h5']) {
  t.test(`reads ${file}, and predicts what Keras predicts`, async (t) => {
    await using net = await small().build(device, { batch: 4, training: false })
    await loadKerasWeights(net, join(kept, file))
    const { input, logits } = net.io
    net.stream.write(input.place, packed(images, input.layout ?? ''))
    await net.forward()
    const out = [...(await net.stream.read(logits.place))].map(
      (logit) => 1 / (1 + Math.exp(-logit))
    )
    const worst = Math.max(...predictions.flat().map((p, i) => Math.abs(p - (out[i] ?? NaN))))
    t.ok(worst < 1e-5, `${worst} off`)
    t.equal(out.length, 12)
  })
}

/** Images [N, H, W, C] in the net's layout. */
function packed(values: readonly number[], layout: string): Float32Array {
  if (layout === 'acdb') return Float32Array.from(values)
  if (layout !== 'abcd') throw new Error(`the test does not know the layout ${layout}`)
  const to = new Float32Array(values.length)
  for (const [i, value] of values.entries()) {
    const [n, p, c] = [Math.floor(i / 126), Math.floor((i % 126) / 2), i % 2]
    to[n * 126 + c * 63 + p] = value
  }
  return to
}

for (const name of ['own.h5', 'own.weights.h5']) {
  t.test(`writes ${name} as Keras does, and reads it back`, async (t) => {
    const file = join(dir, name)
    await using net = await small().build(device, { batch: 4, seed: 5 })
    await loadKerasWeights(net, join(kept, 'keras-small.h5'))
    await saveKerasWeights(net, file)
    const theirs = await readHdf5(join(kept, name.replace('own', 'keras-small')))
    const ours = await readHdf5(file)
    const bare = ({ arrays }: typeof ours) =>
      [...arrays]
        .filter(([path]) => !path.startsWith('optimizer'))
        .map(([path, { shape, data }]) => [leaf(path), shape, [...data]])
        .sort()
    t.strictSame(bare(ours), bare(theirs))
    await using other = await small().build(device, { batch: 4, seed: 6 })
    await loadKerasWeights(other, file)
    const values = async (net: typeof other) => [...(await net.parameters.export(net.stream))]
    t.strictSame(await values(other), await values(net))
  })
}

/** 'layers/dense/vars/0', or 'dense/kernel' whatever groups lie between. */
function leaf(path: string): string {
  const names = path.replace(/:0$/, '').split('/')
  return path.startsWith('layers/') ? path : `${names[0]}/${names.at(-1)}`
}

t.test('what does not fit is said', async (t) => {
  await using net = await small(6).build(device, { batch: 1 })
  const before = [...(await net.parameters.export(net.stream))]
  await t.rejects(
    loadKerasWeights(net, join(kept, 'keras-small.h5')),
    /\[keras\] layer c \(dense\), kernel: expected \[96,6\], got \[96,5\]/
  )
  t.strictSame([...(await net.parameters.export(net.stream))], before)
  const text = join(dir, 'text.h5')
  writeFileSync(text, 'no HDF5')
  await t.rejects(loadKerasWeights(net, text), { name: 'DamagedFileError', message: /text\.h5/ })
  const cut = join(dir, 'cut.h5')
  writeFileSync(cut, readFileSync(join(kept, 'keras-small.h5')).subarray(0, 9000))
  await t.rejects(loadKerasWeights(net, cut), { name: 'DamagedFileError', message: /cut\.h5/ })
  await t.rejects(loadKerasWeights(net, join(dir, 'none.h5')), {
    name: 'DiskError',
    code: 'ENOENT'
  })
  const missing = () => Promise.reject(new Error('Cannot find package'))
  await t.rejects(loadH5wasm(missing), /\[hdf5\] expected the package h5wasm.*npm install/)
})
