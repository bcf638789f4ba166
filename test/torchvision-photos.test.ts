// Photographs as torchvision resizes, crops and classifies them, against what it gave once. `npm run judges` compares
// live, and writes the file of its answers.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { decodePhoto } from '../lib/data/photos/decode.ts'
import { resampled } from '../lib/data/photos/resample.ts'
import { open } from '../lib/engine/device.ts'
import { keptFolder } from './judges/kept.ts'
import * as torchvision from './judges/torchvision.ts'
import { picture } from './photo-files.ts'

const kept: torchvision.Kept = JSON.parse(
  readFileSync(join(keptFolder, 'torchvision.json'), 'utf8')
)
const tar = join(process.env.ALEXNODE_DATA ?? '', 'imagenet-samples.tar')

t.test('pictures of all shapes, to the byte', async (t) => {
  t.equal(kept.drawn.length, torchvision.sizes.length)
  t.strictSame(await torchvision.drawn(), kept.drawn)
})

t.test(
  'from the same file to the same logits',
  { skip: existsSync(tar) ? false : 'ALEXNODE_DATA has no imagenet-samples.tar' },
  async (t) => {
    const folder = join(t.testdir(), 'photographs')
    mkdirSync(folder)
    const { status } = spawnSync('tar', ['-xf', tar, '--strip-components=1', '-C', folder])
    t.equal(status, 0)
    const names = readdirSync(folder).sort()
    t.strictSame(names, Object.keys(kept.photographs))
    await using device = await open('cpu', { threads: 2 })
    await using net = await torchvision.seeded(device)
    // Each sixth through the net, which takes most of the time; the pixels of all.
    const some = names.filter((_, i) => i % 6 === 0)
    const found = await torchvision.ours(net, folder, some)
    t.equal(found.size, 25)
    for (const [name, { pixels, logits }] of found) {
      const one = kept.photographs[name]
      if (!one) throw new Error(`nothing is kept of ${name}`)
      t.equal(pixels, one.pixels, name)
      const off = torchvision.keptPlaces.map((place, i) =>
        Math.abs((logits[place] ?? Number.NaN) - (one.logits[i] ?? Number.NaN))
      )
      t.ok(Math.max(...off) < 0.01 * one.range, `${name}: ${Math.max(...off) / one.range}`)
      if (one.margin > 0.01 * one.range) {
        t.equal(logits.indexOf(Math.max(...logits)), one.first, `${name}: the first class`)
      }
    }
    for (const name of names) {
      t.equal(await torchvision.pixelsOf(join(folder, name)), kept.photographs[name]?.pixels, name)
    }
  }
)

t.test("the browser's example, to the byte", async (t) => {
  const page = join(import.meta.dirname, '../examples/browser/picture.mjs')
  const { prepared }: { prepared: (picture: object, how: object) => { data: Uint8Array } } =
    await import(page)
  for (const [seed, [width, height, rows, columns]] of torchvision.sizes.entries()) {
    const png = await picture(seed, { width, height, kind: 'png' })
    const size = { height: rows, width: columns }
    const fit = rows === columns ? 'crop' : 'warp'
    const ours = await decodePhoto(png, { size, fit, filter: 'bilinear' })
    const whole = await decodePhoto(png, { fit: 'keep' })
    const photograph = { ...size, fit, filter: 'bilinear' }
    const how = { photograph, input: { fit: 'resize' }, channels: 'RGB' }
    const { data } = prepared({ ...whole, type: 'image/png' }, how)
    t.equal(Buffer.compare(data, ours.data), 0, `${width}×${height}`)
  }
})

t.test('what is not resized, or not known', async (t) => {
  const jpeg = await picture(3, { width: 40, height: 40 })
  const { data } = await decodePhoto(jpeg, { size: 40, filter: 'bilinear' })
  const whole = (await decodePhoto(jpeg, { fit: 'keep', filter: 'bilinear' })).data
  t.equal(Buffer.compare(data, whole), 0)
  await t.rejects(
    decodePhoto(jpeg, JSON.parse('{ "filter": "nearest" }')),
    /filter: expected 'lanczos3' or 'bilinear', got "nearest"/
  )
})

t.test('a result that is too large is refused before its memory is taken', async (t) => {
  const one = { data: new Uint8Array(3), height: 1, width: 1 }
  await t.rejects(resampled(one, { height: 65_500, width: 65_500 }, 'warp'), {
    message: /expected a window of at most 268402689 pixels.*got 65500 columns of 65500 rows/
  })
})
