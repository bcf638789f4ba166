// Damaged images in a group: skipped, counted and told as by one process.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { prepare } from '../lib/data/photos/prepare/prepare.ts'
import { classFiles, writeFiles } from './photo-files.ts'
import { objects } from './programs.ts'
import { gloo as skip, startRanks } from './ranks.ts'
import { spoiledCopy } from './spoiled-copy.ts'

const dir = t.testdir()
const files = await classFiles({ 'train/cat': 20, 'train/dog': 20, 'test/cat': 10, 'test/dog': 10 })
const source = await writeFiles(join(dir, 'pets'), files)
const whole = join(dir, 'whole')
await prepare(source, whole, { size: 28 })
// Neighbours, the last one, and those of a test.
const data = await spoiledCopy(whole, join(dir, 'data'), { train: [5, 6, 39], test: [3, 19] })

const usual = [
  ...['train', '--net', 'tf-mnist', '--start', 'even', '--lr', '.01', '--clip-norm', '1'],
  ...['--data', data, '--batch', '5', '--threads', '1', '--validate', '--epochs', '2']
]

async function trained(count: number, ...more: string[]) {
  const out = join(dir, `by-${count}${more.join('')}`)
  const all = await startRanks(count, 'lib/cli/main.ts', [...usual, ...more, '--out', out])
  const ended = await Promise.all(all.map(({ ended }) => ended))
  return { out, ended }
}

t.test('the course of one process', { skip }, async (t) => {
  const numbers = (out: string, name: string) =>
    objects(readFileSync(join(out, 'log.jsonl'), 'utf8')).flatMap((line) =>
      typeof line[name] === 'number' ? [line[name]] : []
    )
  const alone = await trained(1, '--json')
  t.equal(alone.ended[0]?.code, 0, alone.ended[0]?.err ?? '')
  for (const count of [2, 3]) {
    const { out, ended } = await trained(count, '--json')
    for (const { code, err } of ended) t.equal(code, 0, err)
    for (const name of ['loss', 'validation_loss', 'test_loss']) {
      const [ours, one] = [numbers(out, name), numbers(alone.out, name)]
      t.equal(ours.length, one.length)
      t.ok(ours.length > 0 && ours.every((loss, i) => Math.abs(loss - (one[i] ?? 0)) < 1e-4), name)
    }
    const lines = objects(ended[0]?.out ?? '')
    const names = lines.flatMap(({ skipped }) => (typeof skipped === 'string' ? [skipped] : []))
    t.equal(names.length, 5, 'each is told once, by rank 0')
    t.equal(new Set(names).size, 5)
    t.match(lines.at(-1), { final: true, skipped_images: 5 })
    t.equal(ended[1]?.out, '')
  }
})

t.test('--strict ends all', { skip }, async (t) => {
  const { ended } = await trained(2, '--strict')
  for (const { code } of ended) t.equal(code, 1)
  const said = ended.map(({ err }) => err.replace(/\s+/g, ' ')).join()
  t.match(said, /image (5|6|39) \(train\/(cat|dog)\/\d+\.jpg\): expected the checksum/)
})
