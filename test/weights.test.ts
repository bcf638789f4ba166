// Files of weights of any format: what they hold, and how they fit a net.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { batchNorm, conv2d, defineNet, dense, flatten, torchvision } from '../lib/index.ts'
import { writeSafetensors } from '../lib/util/files/safetensors.ts'
import type { FileDtype, TensorData } from '../lib/util/files/safetensors-header.ts'
import { fitWeights } from '../lib/weights/fit/fit.ts'
import { readWeights } from '../lib/weights/read.ts'

const dir = t.testdir()
let count = 0
async function written(tensors: Record<string, TensorData>): Promise<string> {
  const path = join(dir, `${count++}.bin`)
  await writeSafetensors(path, tensors)
  return path
}
const zeros = (...shape: number[]): TensorData => ({
  dtype: 'u8',
  shape,
  data: new Uint8Array(shape.reduce((a, b) => a * b, 1))
})
const bytes = (typed: ArrayBufferView) =>
  new Uint8Array(typed.buffer, typed.byteOffset, typed.byteLength)

t.test('values of every dtype are f32', async (t) => {
  const given: readonly (readonly [FileDtype, ArrayBufferView, readonly number[]])[] = [
    ['f32', Float32Array.of(1.5, -2), [1.5, -2]],
    ['f64', Float64Array.of(0.1, -1e300), [Math.fround(0.1), -Infinity]],
    ['bf16', Uint16Array.of(0x3fc0, 0xc000, 0x7f80, 0x8000), [1.5, -2, Infinity, -0]],
    [
      'f16',
      Uint16Array.of(0x3e00, 0xc000, 0x7c00, 0x8000, 0x0001, 0x83ff, 0x7bff, 0x0400),
      [1.5, -2, Infinity, -0, 2 ** -24, -1023 * 2 ** -24, 65504, 2 ** -14]
    ],
    ['i64', BigInt64Array.of(-3n, 7n), [-3, 7]],
    ['u64', BigUint64Array.of(7n), [7]],
    ['i32', Int32Array.of(-3), [-3]],
    ['u32', Uint32Array.of(3), [3]],
    ['i16', Int16Array.of(-3), [-3]],
    ['u16', Uint16Array.of(3), [3]],
    ['i8', Int8Array.of(-3), [-3]],
    ['u8', Uint8Array.of(3), [3]],
    ['bool', Uint8Array.of(1, 0), [1, 0]]
  ]
  const tensors = Object.fromEntries(
    given.map(([dtype, data, { length }]) => [dtype, { dtype, shape: [length], data: bytes(data) }])
  )
  const file = await readWeights(await written(tensors))
  t.equal(file.format, 'safetensors')
  for (const [dtype, , expected] of given) {
    const tensor = file.tensors.get(dtype)
    t.equal(tensor?.dtype, dtype)
    t.strictSame([...((await tensor?.read()) ?? [])], [...expected], dtype)
  }
  const [, nan] = [0, Uint16Array.of(0x7e00)]
  const odd = await readWeights(await written({ a: { dtype: 'f16', shape: [], data: bytes(nan) } }))
  t.strictSame([...((await odd.tensors.get('a')?.read()) ?? [])], [NaN])
})

/** Tensors of torchvision's AlexNet, an eighth as wide. */
const alexnet = (classes: number, prefix = ''): Record<string, TensorData> =>
  Object.fromEntries(
    Object.entries({
      'features.0': [8, 3, 11, 11],
      'features.3': [24, 8, 5, 5],
      'features.6': [48, 24, 3, 3],
      'features.8': [32, 48, 3, 3],
      'features.10': [32, 32, 3, 3],
      'classifier.1': [512, 1152],
      'classifier.4': [512, 512],
      'classifier.6': [classes, 512]
    }).flatMap(([name, shape]) => [
      [`${prefix}${name}.weight`, zeros(...shape)],
      [`${prefix}${name}.bias`, zeros(shape[0] ?? 0)]
    ])
  )

t.test("torchvision's names fit net torchvision, also behind a prefix", async (t) => {
  for (const prefix of ['', 'module.', 'model.net.']) {
    const file = await readWeights(await written(alexnet(1000, prefix)))
    const fit = await fitWeights(torchvision({ width: 1 / 8 }), file)
    t.equal(fit.taken.length, 16)
    t.match(fit, { net: 'torchvision', missing: [], unused: [], head: undefined })
    t.match(fit.taken[15], { parameter: 'fc8.bias', tensor: `${prefix}classifier.6.bias` })
    t.strictSame(fit.taken[0]?.how, ['u8 to f32'])
    t.equal((await fit.read()).get('fc6.weight')?.data.length, 512 * 1152)
  }
})

t.test('a head of other classes is left out', async (t) => {
  const file = await readWeights(await written(alexnet(7)))
  const fit = await fitWeights(torchvision({ width: 1 / 8, classes: 10 }), file)
  t.strictSame(fit.head, { layer: 'fc8', classes: 10, fileClasses: 7 })
  t.strictSame(
    fit.missing.map(({ name, why }) => [name, why]),
    [
      ['fc8.weight', '7 classes in the file, 10 here'],
      ['fc8.bias', '7 classes in the file, 10 here']
    ]
  )
  t.match(fit.unused, [{ name: 'classifier.6.bias' }, { name: 'classifier.6.weight' }])
})

const small = defineNet({
  name: 'small',
  input: { channels: 1, height: 4, width: 4 },
  layers: [
    conv2d({ name: 'conv', filters: 2, size: 3 }),
    batchNorm({ name: 'norm' }),
    flatten(),
    dense({ name: 'out', units: 3 })
  ]
})
const ofSmall = {
  'conv.weight': zeros(2, 1, 3, 3),
  'conv.bias': zeros(2),
  'norm.weight': zeros(2),
  'norm.bias': zeros(2),
  'norm.running_mean': zeros(2),
  'norm.running_var': zeros(2),
  'norm.num_batches_tracked': zeros(),
  'out.weight': zeros(3, 8),
  'out.bias': zeros(3)
}

t.test("PyTorch's names of batch norm, and what is not used", async (t) => {
  const fit = await fitWeights(small, await readWeights(await written(ofSmall)))
  t.strictSame(
    fit.taken.map(({ tensor }) => tensor),
    Object.keys(ofSmall).filter((name) => !name.endsWith('tracked'))
  )
  t.strictSame(fit.unused, [
    {
      name: 'norm.num_batches_tracked',
      shape: [],
      why: 'a counter of batches, which is not needed'
    }
  ])
})

t.test('what does not fit is told, and what could be two things is refused', async (t) => {
  const odd = {
    ...ofSmall,
    'conv.weight': zeros(2, 3, 3, 3),
    extra: zeros(1),
    'out.bias': zeros(4)
  }
  const fit = await fitWeights(small, await readWeights(await written(odd)))
  t.match(fit.missing, [
    { name: 'conv.weight', why: 'expected [2,1,3,3], got [2,3,3,3] of conv.weight' },
    { name: 'out.bias', why: '4 classes in the file, 3 here' }
  ])
  t.match(
    new Map(fit.unused.map(({ name, why }) => [name, why])),
    new Map([
      ['conv.weight', '[2,3,3,3] does not fit conv.weight [2,1,3,3]'],
      ['extra', 'small has no such parameter'],
      ['out.bias', 'of 4 classes, out.bias is of 3']
    ])
  )

  const both = await readWeights(await written({ ...ofSmall, 'norm.scale': zeros(2) }))
  await t.rejects(
    fitWeights(small, both),
    /expected one tensor for norm\.scale of small, got norm\.scale and norm\.weight; say which by names/
  )
  const chosen = await fitWeights(small, both, { names: { 'norm.scale': 'norm.scale' } })
  t.equal(chosen.taken.find(({ parameter }) => parameter === 'norm.scale')?.tensor, 'norm.scale')
  await t.rejects(
    fitWeights(small, both, { names: { 'norm.gamma': 'norm.scale' } }),
    /names: expected parameters of small \(conv\.weight, .*\), got norm\.gamma/
  )
  await t.rejects(
    fitWeights(small, both, { names: { 'norm.scale': 'none' } }),
    /names: expected tensors of .*, got none/
  )
})

t.test('what is no file of weights is refused', async (t) => {
  const path = join(dir, 'other')
  for (const [content, got] of [
    ['', /got an empty file/],
    ['hello, this is text', /got another format/]
  ] as const) {
    writeFileSync(path, content)
    await t.rejects(readWeights(path), { name: 'DamagedFileError', message: got })
  }
  await t.rejects(readWeights(join(dir, 'none')), { name: 'DiskError', code: 'ENOENT' })
  await t.rejects(readWeights(dir), { name: 'DiskError', code: 'EISDIR' })
})
