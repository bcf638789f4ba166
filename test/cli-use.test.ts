import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import t from 'tap'
import { open } from '../lib/engine/device.ts'
import { readNpy, writeNpy } from '../lib/util/files/npy.ts'
import { objects, runProgram, widest } from './programs.ts'
import { imagesOf, smallShapes, trainedRun } from './trained-run.ts'

const program = 'lib/cli/main.ts'
const dir = t.testdir()
const run = join(dir, 'run')
const other = join(dir, 'other')
const photos = join(dir, 'photos')
const pictures = join(dir, 'pictures')
const broken = join(photos, 'broken.jpg')
const { test } = smallShapes()
const data = await imagesOf(test)
const file = (i: number) => join(photos, 'a', `${i}.png`)
const known = await prepare()

/** Two runs, and the first six test images as files, as they are and mirrored. */
async function prepare() {
  await using device = await open('cpu', { threads: 1 })
  const known = await trainedRun(device, run)
  await trainedRun(device, other, { seed: 2 })
  mkdirSync(join(photos, 'a'), { recursive: true })
  mkdirSync(join(photos, 'b'))
  const raw = { width: 32, height: 32, channels: 3 } as const
  const picture = (i: number) => sharp(data.images.subarray(i * 3072, (i + 1) * 3072), { raw })
  for (let i = 0; i < 6; i++) {
    await picture(i).toFile(file(i))
    const mirrored = picture(i).flop().webp({ lossless: true })
    await mirrored.toFile(join(photos, 'b', `${i}.webp`))
  }
  writeFileSync(broken, 'no picture')
  for (const [i, label] of data.labels.entries()) {
    const folder = join(pictures, test.classes[label] ?? '')
    mkdirSync(folder, { recursive: true })
    await picture(i).toFile(join(folder, `${i}.png`))
  }
  return known
}

const use = (command: string, ...args: string[]) =>
  runProgram(program, [command, ...args, '--threads', '1'])
/** Another matrix for the twelve photographs. */
async function* rows() {
  yield new Float32Array(12 * 3)
}
/** Without line ends, whose places depend on the paths. */
const flat = (text: string) => text.replaceAll(/\s+/g, ' ')

t.test('evaluate', async (t) => {
  const csv = join(dir, 'confusion.csv')
  // As pictures: prepared, their classes in the order of the names.
  const env = { XDG_CACHE_HOME: join(dir, 'cache') }
  const args = ['evaluate', run, '--data', pictures, '--split', 'all', '--threads', '1']
  const copy = join(dir, 'copy')
  cpSync(run, copy, { recursive: true })
  const named = `${run}, ${copy}, ${join(run, '..', 'run')}`
  const more = ['--batch', '16', '--confusion', csv, '--average', named]
  const ended = await runProgram(program, [...args, ...more, '--json'], env)
  t.match(ended, { code: 0 }, ended.err)
  t.match(flat(ended.err), /Named again, and counted once: 2 runs \(\S*run, \S*run\)/)
  const [scores = {}, ...rest] = objects(ended.out)
  t.strictSame(rest, [])
  t.match(scores, {
    images: 40,
    split: 'all',
    source: /^a folder of classes in .*pictures, prepared in /,
    views: 1,
    per_class: Array,
    nets: [join(run, 'weights.safetensors'), join(copy, 'weights.safetensors')]
  })
  t.equal(scores.top1_error, (40 - known.top1 * 40) / 40)
  t.equal(scores.top5_error, (40 - known.top5 * 40) / 40)
  const [head = '', ...rows] = readFileSync(csv, 'utf8').trim().split('\n')
  t.equal(head, `truth,${test.classes.join(',')}`)
  const counts = rows.map((row) => row.split(',').slice(1).map(Number))
  t.equal(
    counts.flat().reduce((sum, count) => sum + count, 0),
    40
  )
  const right = counts.reduce((sum, row, i) => sum + (row[i] ?? 0), 0)
  t.equal((40 - right) / 40, scores.top1_error)
  const wrong = Object(scores.confusions).map(({ images }: { images: number }) => images)
  t.equal(
    wrong.reduce((sum: number, images: number) => sum + images, 0),
    40 - right
  )

  const png = join(dir, 'confusion.png')
  const text = await runProgram(program, [...args, '--confusion', png], env)
  t.equal(text.code, 0, text.err)
  t.match(flat(text.out), /Matrix \S*confusion\.png/)
  t.match(await sharp(png).metadata(), { format: 'png' })
  t.match(flat(text.out), /Errors top-1 [\d.]+, top-5 [\d.]+, loss [\d.]+; [\d,.]+ images\/s/)
  t.match(text.out, /│ true class +│ predicted class +│ +images │/)
  t.ok(widest(text.out, dir) <= 80, text.out)
})

t.test('predict', async (t) => {
  const ended = await use('predict', run, file(0), broken, file(1), '--top', '3', '--json')
  t.equal(ended.code, 1, 'one could not be read')
  t.match(flat(ended.err), /broken\.jpg: expected a photograph, got one that is of no kind known/)
  const [{ predictions, skipped } = {}] = objects(ended.out)
  t.match(skipped, [{ file: broken, reason: /no kind/ }])
  t.match(predictions, [{ file: file(0) }, { file: file(1) }])
  const text = await use('predict', run, file(0), file(1), join(photos, 'a', '..', 'a', '1.png'))
  t.match(text, { code: 0, err: '' })
  t.match(flat(text.out), /Named again, and counted once: 1 picture \(/)
  t.equal(text.out.match(/^\S*\.png$/gm)?.length, 2)
  t.match(text.out, /^ {3}\.\d\d\d {2}\w/m)

  const nothing = await use('predict', dir, file(0))
  t.match(nothing, { code: 1, out: '' })
  t.match(flat(nothing.err), /expected the folder of a run, got a folder without options\.json/)
  t.match(await use('predict', run), { code: 2, err: /missing required argument 'images'/ })
})

t.test('features and similar', async (t) => {
  const npy = join(dir, 'fc7.npy')
  const wrote = await use('features', run, photos, npy, '--json')
  t.equal(wrote.code, 1, 'one could not be read')
  t.match(objects(wrote.out), [
    { images: 12, dimensions: 256, layer: 'fc7', skipped: [{ file: broken }] }
  ])
  t.strictSame((await readNpy(npy)).shape, [12, 256])
  const about = JSON.parse(readFileSync(`${npy}.json`, 'utf8'))
  t.match(about, { net: 'cifar', layer: 'fc7', folder: photos, run })
  t.match(about.images, [{ file: 'a/0.png' }, { file: 'a/1.png' }])

  const found = await use('similar', file(0), broken, '--index', npy, '--top', '2', '--json')
  t.equal(found.code, 1)
  const [{ queries } = {}] = objects(found.out)
  t.match(queries, [{ file: file(0), nearest: [{ file: file(0), distance: Number }, {}] }])
  const foreign = await use('similar', file(0), '--index', npy, '--run', other)
  t.match(foreign, { code: 1, out: '' })
  t.match(flat(foreign.err), /expected the features of .*other.*, got those of other weights/)
  cpSync(run, join(dir, 'moved'), { recursive: true })
  const moved = await use('similar', file(3), '--index', npy, '--run', join(dir, 'moved'))
  t.match(moved, { code: 0, err: '' })
  t.equal(moved.out.split('\n').length, 1 + 6 + 1)
  const exchanged = join(dir, 'exchanged.npy')
  await writeNpy(exchanged, 3, rows())
  cpSync(`${npy}.json`, `${exchanged}.json`)
  const narrow = await use('similar', file(3), '--index', exchanged)
  t.match(narrow, { code: 1, out: '' })
  t.match(flat(narrow.err), /expected rows of 256 numbers, as fc7 gives, got rows of 3: write/)

  const list = join(dir, 'list.txt')
  writeFileSync(list, `${file(0)} a\n${file(1)} b\n`)
  const env = { XDG_CACHE_HOME: join(dir, 'cache') }
  const listed = await runProgram(program, ['features', run, list, join(dir, 'list.npy')], env)
  t.equal(listed.code, 0)
  t.match(flat(listed.out), /^Preparing \S*list\.txt \(a list\) into/)
  t.match(flat(listed.out), /fc7: 2 images × 256/)
  t.match(await use('features', run, photos, 'x.txt'), { code: 2, err: /expected OUT\.npy/ })
})

t.test('filters', async (t) => {
  const out = join(dir, 'filters.png')
  const ended = await runProgram(program, ['filters', run, out])
  t.match(ended, { code: 0, err: '' })
  t.match(flat(ended.out), /Filters conv1: 32 filters of 3×5×5, /)
  // 32 kernels in three rows of eleven, each of 20 pixels and 2 between.
  t.match(await sharp(out).metadata(), { width: 2 + 11 * 22, height: 2 + 3 * 22, channels: 3 })
  const wrong = await runProgram(program, ['filters', run, out, '--layer', 'fc7'])
  t.equal(wrong.code, 1)
  t.match(flat(wrong.err), /expected a convolution \(conv1, .*\), got 'fc7'/)
  const huge = await runProgram(program, ['filters', run, out, '--zoom', '65'])
  t.match(flat(huge.err), /Expected a whole number from 1 to 64, got '65'/)
  t.match(await runProgram(program, ['filters', run, 'x.jpg']), {
    code: 2,
    err: /expected OUT\.png/
  })
})
