// A short form of the table in docs/defaults.md: nets that learn by the defaults alone, and what the page says of them.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { runCell } from '../bench/defaults-cell.ts'
import { isGood, type Kept, table } from '../bench/defaults-page.ts'
import { openData } from '../lib/data/open.ts'
import { open } from '../lib/engine/device.ts'

/** Inputs of 99×99 take a sixth of the time of 227×227. */
const cells = [
  ['caffe', 99],
  ['cifar', 28]
] as const

t.test('nets learn shapes', async (t) => {
  await using device = await open('cpu')
  const data = await openData('shapes')
  for (const [net, size] of cells) {
    const result = await runCell(device, { net, data, batch: 8, size })
    t.ok(isGood(result), `${net}: ${JSON.stringify(result)}`)
    t.ok(Math.abs(result.first - 1) < 0.2, `the first loss is that of guessing: ${result.first}`)
  }
})

const folder = process.env.ALEXNODE_DATA ?? ''
const photographs = join(folder, 'imagenet-samples.tar')
const skip = existsSync(photographs) ? false : 'ALEXNODE_DATA has no imagenet-samples.tar'

t.test('a class for each photograph', { skip }, async (t) => {
  await using device = await open('cpu')
  const data = await openData(photographs)
  t.equal(data.classes.length, 146)
  const result = await runCell(device, { net: 'cifar', data, batch: 32 })
  t.ok(isGood(result), JSON.stringify(result))
})

t.test('the page has the table that is kept', async (t) => {
  const kept: Kept = JSON.parse(readFileSync('bench/results/defaults.json', 'utf8'))
  const page = readFileSync('docs/defaults.md', 'utf8')
  const cells = Object.entries(kept.cells)
  t.ok(cells.length > 0)
  for (const [name, cell] of cells) {
    t.equal(isGood(cell), !cell.blown && cell.learns !== null && cell.largest <= 2, name)
    t.ok(cell.learns === null || cell.last < 1, name)
  }
  const sets = ['shapes', 'fashion-mnist', 'cifar-10', 'two classes', 'photographs']
  const nets = ['alexnet', 'caffe', 'chm-145', 'convnet2', 'torchvision', 'fashion', 'cifar']
  t.ok(page.includes(table(kept, { nets, sets, batches: [8, 32, 128] })))
})
