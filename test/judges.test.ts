// Our losses against those that Keras and TensorFlow gave once. `npm run judges` compares live, and writes these files.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { open } from '../lib/engine/device.ts'
import { type Check, farthest, holds } from './judges/check.ts'
import { keptCase, keptFolder } from './judges/kept.ts'
import * as keras from './judges/keras-fashion.ts'
import * as tensorflow from './judges/tensorflow-mnist.ts'

const device = await open('cpu', { threads: 2 })
t.teardown(() => device.close())
const kept = (name: string) => JSON.parse(readFileSync(join(keptFolder, name), 'utf8'))
const check = (t: Tap, { name, error, bound }: Check) =>
  t.ok(holds({ name, error, bound }), `${name}: ${error.toExponential(1)} off, of ${bound}`)
type Tap = Pick<typeof t, 'ok'>

t.test('the program for Keras: ten losses, and predictions', async (t) => {
  const wanted: keras.KerasAnswer = kept('keras-fashion.json')
  t.equal(wanted.losses.length, 10)
  const found = await keras.ours(device, keptCase, keras.drawn())
  for (const one of keras.checksOf('Keras', found, wanted)) check(t, one)
})

t.test('the program for TensorFlow: ten losses', async (t) => {
  const wanted: tensorflow.TensorflowAnswer = kept('tensorflow-mnist.json')
  t.equal(wanted.losses.length, 10)
  for (const one of tensorflow.checksOf(await tensorflow.ours(device), wanted.losses)) check(t, one)
})

t.test('a check without numbers does not hold', async (t) => {
  t.notOk(holds({ name: 'none', error: farthest([], []), bound: 1 }))
  t.notOk(holds({ name: 'NaN', error: farthest([Number.NaN], [1]), bound: 1 }))
  t.ok(holds({ name: 'near', error: farthest([1.5], [1]), bound: 0.5 }))
})
