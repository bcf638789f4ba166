import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { arrayImageSet } from '../lib/data/array-image-set.ts'
import type { Dataset } from '../lib/data/dataset.ts'
import { keepRunData, readRunData } from '../lib/run/data.ts'

const [height, width, channels] = [2, 3, 3]
const classes = ['cat', 'dog, wet']
const bytes = height * width * channels
const set = arrayImageSet({
  images: new Uint8Array(2 * bytes).map((_, i) => i * 7),
  labels: Uint8Array.of(0, 1),
  height,
  width,
  channels,
  classes
})
const { mean, std } = set
const meanImage = Float32Array.from({ length: bytes }, (_, i) => i + 0.5)
const photographs = { ...set, meanImage }
const dataset = (train: typeof set): Dataset => {
  return { name: 'pets', source: 'made', classes, mean, std, train, test: set }
}

t.test('keeps what using a net takes', async (t) => {
  const known = { name: 'pets', classes, height, width, channels, mean, std }
  const plain = t.testdir()
  await keepRunData(plain, dataset(set))
  t.strictSame(await readRunData(plain), known)
  const folder = t.testdir()
  await keepRunData(folder, dataset({ ...photographs, fit: 'warp' }))
  t.strictSame(await readRunData(folder), { ...known, fit: 'warp', meanImage })
})

t.test('tells what is not as it was', async (t) => {
  const folder = t.testdir()
  await keepRunData(folder, dataset(photographs))
  const path = join(folder, 'data.json')
  const whole = readFileSync(path, 'utf8')
  for (const [from, to, message] of [
    ['"cat"', '7', /data\.json: expected name and classes/],
    ['"height": 2', '"height": 0', /expected height, width and channels/],
    ['"std": [\n    ', '"std": [\n    -', /expected mean and std, above 0/],
    ['"channels": 3', '"channels": 1', /expected mean and std, above 0, for each of 1 channels/],
    ['"height": 2', '"height": 4', /mean\.safetensors: expected mean_image in f32, \[4, 3, 3\]/],
    ['{', '', /data\.json: expected JSON/]
  ] as const) {
    writeFileSync(path, whole.replace(from, to))
    await t.rejects(readRunData(folder), { name: 'DamagedFileError', message })
  }
  rmSync(path)
  await t.rejects(readRunData(folder), { name: 'DiskError', message: /data\.json/ })
})
