// How a source is arranged: folders, names, lists, tars, tars in tars, ILSVRC's parts, CIFAR, IDX.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { openSource } from '../lib/data/photos/scan/index.ts'
import type { Source, SourcePart } from '../lib/data/photos/scan/source.ts'
import { counting, writeSet } from './idx-files.ts'
import { tarOf, writeFiles } from './photo-files.ts'

/** Names and classes of a part, in order. */
const listOf = ({ classes }: Source, part: SourcePart | undefined) =>
  Array.from({ length: part?.length ?? 0 }, (_, i) => [
    part?.name(i),
    classes[part?.label(i) ?? -1]
  ])

/** What a source is, in a form to compare. */
async function look(path: string) {
  const source = await openSource(path)
  try {
    const { name, kind, classes, train, test, skipped, notes } = source
    return {
      name,
      kind,
      classes,
      skipped,
      notes,
      train: listOf(source, train),
      ...(test && { test: listOf(source, test) })
    }
  } finally {
    await source.close()
  }
}

const text = async (part: SourcePart, i: number) => {
  const image = await part.read(i)
  return 'encoded' in image ? Buffer.from(image.encoded).toString() : image.pixels
}

t.test('class folders: the first folder counts, litter does not', async (t) => {
  const folder = await writeFiles(join(t.testdir(), 'zoo'), {
    'b/2.jpg': '',
    'b/10.jpg': '',
    'a/images/1.JPEG': '',
    '.DS_Store': '',
    'a/.hidden.jpg': '',
    '__MACOSX/x.jpg': '',
    'list.txt': 'nothing that would name a file'
  })
  await symlink(join(folder, 'nowhere'), join(folder, 'b/gone.jpg'))
  await symlink(join(folder, 'a'), join(folder, 'c'))
  const { train, ...rest } = await look(folder)
  t.same(rest, {
    name: 'zoo',
    kind: 'a folder of classes',
    classes: ['a', 'b', 'c'],
    skipped: [],
    notes: [
      '1 hidden folder is left out: __MACOSX.',
      '2 hidden pictures are left out: a/.hidden.jpg, c/.hidden.jpg.'
    ]
  })
  t.same(train, [
    ['a/images/1.JPEG', 'a'],
    ['b/10.jpg', 'b'],
    ['b/2.jpg', 'b'],
    ['b/gone.jpg', 'b'],
    ['c/images/1.JPEG', 'c']
  ])
  const source = await openSource(folder)
  await t.rejects(source.train.read(3), { name: 'PhotoError', message: /is a link to nothing/ })
})

t.test('links round and round, and names that are no text', async (t) => {
  const folder = await writeFiles(join(t.testdir(), 'zoo'), { 'a/1.jpg': '', 'b/in/2.jpg': '' })
  await symlink('..', join(folder, 'b/loop'))
  await symlink('.', join(folder, 'b/in/self'))
  for (const byte of [0xe9, 0xff]) {
    await writeFile(Buffer.concat([Buffer.from(`${folder}/a/2`), Buffer.of(byte)]), `${byte}`)
  }
  const { train, notes } = await look(folder)
  t.same(train, [
    ['a/1.jpg', 'a'],
    ['a/2\\xe9', 'a'],
    ['a/2\\xff', 'a'],
    ['b/in/2.jpg', 'b']
  ])
  t.same(notes, [
    'b/in/self is left out: it links to a folder that it lies in.',
    'b/loop is left out: it links to a folder that it lies in.',
    '2 names are not UTF-8, their other bytes are written as \\xNN: a/2\\xe9, a/2\\xff.'
  ])
  const source = await openSource(folder)
  t.equal(await text(source.train, 1), '233')
  t.equal(await text(source.train, 2), '255')
})

t.test('parts: val before test, classes are those of the training part', async (t) => {
  const folder = await writeFiles(t.testdir(), {
    'wrap/train/a/1.jpg': '',
    'wrap/train/b/2.jpg': '',
    'wrap/val/b/3.jpg': '',
    'wrap/val/x/4.jpg': '',
    'wrap/test/a/5.jpg': ''
  })
  const { kind, classes, test, skipped, notes } = await look(folder)
  t.same(
    [kind, classes, test],
    ['a folder of classes, in parts', ['a', 'b'], [['val/b/3.jpg', 'b']]]
  )
  t.same(skipped, [{ file: 'val/x/4.jpg', reason: 'its class x is not in the training part' }])
  t.same(notes, ['test (1 picture) is left out: there is another part to test with.'])
})

t.test('names that carry the class', async (t) => {
  const folder = await writeFiles(t.testdir(), {
    'n00000002_grey_owl.JPEG': '',
    'n00000001_tench.JPEG': '',
    'n00000003_7.JPEG': '',
    'n00000003_8.JPEG': '',
    'holiday.jpg': '',
    'readme.txt': ''
  })
  const { kind, train, skipped } = await look(folder)
  t.equal(kind, 'pictures named by their class')
  t.same(train, [
    ['n00000001_tench.JPEG', 'n00000001_tench'],
    ['n00000002_grey_owl.JPEG', 'n00000002_grey_owl'],
    ['n00000003_7.JPEG', 'n00000003'],
    ['n00000003_8.JPEG', 'n00000003']
  ])
  const reason = 'has no class: its name does not begin like n01440764_'
  t.same(skipped, [{ file: 'holiday.jpg', reason }])
})

t.test('a list as the source', async (t) => {
  const folder = await writeFiles(t.testdir(), {
    'photos/1.jpg': 'one',
    'photos/2 two.jpg': 'two',
    'list.txt': 'photos/2 two.jpg cat\nphotos/1.jpg dog\nphotos/3.jpg dog\nphotos/1.jpg',
    'numbers.txt': 'photos/1.jpg 2\nphotos/2 two.jpg 0',
    'bad.txt': 'photos/1.jpg 4000000000',
    'none.txt': 'a.jpg 1\n'
  })
  const found = await look(join(folder, 'list.txt'))
  t.same([found.name, found.kind, found.classes], ['list', 'a list', ['cat', 'dog']])
  t.same(found.train, [
    ['photos/2 two.jpg', 'cat'],
    ['photos/1.jpg', 'dog']
  ])
  t.same(found.skipped, [
    { file: 'photos/3.jpg', reason: 'is not there, though line 3 of list.txt names it' },
    { file: 'photos/1.jpg', reason: 'has no class: line 4 of list.txt names none' }
  ])
  t.same((await look(join(folder, 'numbers.txt'))).classes, ['0', '1', '2'])
  await writeFile(join(folder, 'classes.txt'), 'x\ny\nz\n')
  const source = await openSource(join(folder, 'numbers.txt'))
  t.same(listOf(source, source.train), [
    ['photos/1.jpg', 'z'],
    ['photos/2 two.jpg', 'x']
  ])
  t.equal(await text(source.train, 1), 'two')
  await t.rejects(openSource(join(folder, 'bad.txt')), {
    message:
      '[photos] bad.txt: expected class numbers below 1000000, got 4000000000; correct the line'
  })
  await t.rejects(openSource(join(folder, 'none.txt')), {
    message:
      /none.txt: expected lines 'path label' that name pictures, got 1 lines, none .*: a.jpg is not there/
  })
})

t.test('lists beside pictures', async (t) => {
  const folder = await writeFiles(t.testdir(), {
    'train/n1/images/n1_0.JPEG': '',
    'train/n2/images/n2_0.JPEG': '',
    'val/images/val_0.JPEG': '',
    'val/images/val_1.JPEG': '',
    'val/images/val_2.JPEG': '',
    'val/val_annotations.txt': 'val_0.JPEG\tn2\t0\t1\nval_1.JPEG\tn1\t0\t1\n',
    'wnids.txt': 'n1\nn2\n'
  })
  const { classes, test, skipped } = await look(folder)
  t.same(classes, ['n1', 'n2'])
  t.same(test, [
    ['val/images/val_0.JPEG', 'n2'],
    ['val/images/val_1.JPEG', 'n1']
  ])
  const reason = 'has no class: val/val_annotations.txt does not name it'
  t.same(skipped, [{ file: 'val/images/val_2.JPEG', reason }])

  const flat = await writeFiles(join(t.testdirName, 'flat'), {
    'a.jpg': '',
    'b.jpg': '',
    'labels.csv': 'path,label\na.jpg,cat\nb.jpg,dog\n'
  })
  t.same((await look(flat)).train, [
    ['a.jpg', 'cat'],
    ['b.jpg', 'dog']
  ])
})

t.test('a tar is a folder, and so are the tars in it', async (t) => {
  const long = `n01440764/${'long-name-'.repeat(14)}.JPEG`
  const inner = {
    'n01440764.tar': await tarOf({ 'n01440764_1.JPEG': 'tench', [long.slice(10)]: 'long' }),
    'n01443537.tar': await tarOf({ 'n01443537_2.JPEG': 'goldfish '.repeat(99) })
  }
  const folder = await writeFiles(t.testdir(), {
    'ILSVRC2012_img_train.tar': await tarOf(inner),
    'ILSVRC2012_img_val.tar': await tarOf({
      'ILSVRC2012_val_00000002.JPEG': 'second',
      'ILSVRC2012_val_00000001.JPEG': 'first',
      'ILSVRC2012_val_00000003.JPEG': 'third'
    })
  })
  const alone = await look(join(folder, 'ILSVRC2012_img_train.tar'))
  t.same(alone.train, [
    [long, 'n01440764'],
    ['n01440764/n01440764_1.JPEG', 'n01440764'],
    ['n01443537/n01443537_2.JPEG', 'n01443537']
  ])
  const notes = [
    'ILSVRC2012_img_val (3 pictures) is left out: none of its pictures has a known class.'
  ]
  t.same((await look(folder)).notes, notes)

  await writeFiles(folder, { 'ILSVRC2012_validation_ground_truth.txt': '2\n1\n' })
  await t.rejects(openSource(folder), { message: /expected meta.mat or map_clsloc.txt/ })
  await writeFiles(folder, {
    'kit/data/map_clsloc.txt': 'n01443537 1 goldfish\nn01440764 2 tench\n'
  })
  const source = await openSource(folder)
  t.same(listOf(source, source.test), [
    ['ILSVRC2012_img_val/ILSVRC2012_val_00000001.JPEG', 'n01440764'],
    ['ILSVRC2012_img_val/ILSVRC2012_val_00000002.JPEG', 'n01443537']
  ])
  t.equal(source.skipped.length, 1)
  t.equal(await text(source.train, 0), 'long')
  t.equal(await text(source.train, 2), 'goldfish '.repeat(99))
  if (source.test) t.equal(await text(source.test, 1), 'second')
  await source.close()

  await writeFiles(folder, {
    'ILSVRC2012_validation_ground_truth.txt': '',
    'val.txt': 'ILSVRC2012_val_00000001.JPEG n01443537\nILSVRC2012_val_00000003.JPEG n01440764\n'
  })
  t.same((await look(folder)).test, [
    ['ILSVRC2012_img_val/ILSVRC2012_val_00000001.JPEG', 'n01443537'],
    ['ILSVRC2012_img_val/ILSVRC2012_val_00000003.JPEG', 'n01440764']
  ])
})

t.test('tars that others make, and broken ones', async (t) => {
  const folder = t.testdir()
  const name = `${'ordner-'.repeat(20)}/ü.jpg`
  const files = { [`a/${name}`]: 'long', 'b/1.jpg': 'one', 'c/2.jpg': '' }
  await writeFiles(join(folder, 'in'), files)
  for (const format of ['gnu', 'pax', 'ustar', 'v7'] as const) {
    const tar = join(folder, `${format}.tar`)
    const folders = format === 'gnu' || format === 'pax' ? ['a', 'b', 'c'] : ['b', 'c']
    execFileSync('tar', ['-C', join(folder, 'in'), `--format=${format}`, '-cf', tar, ...folders])
    const source = await openSource(tar)
    const wanted = [
      [`a/${name}`, 'a'],
      ['b/1.jpg', 'b'],
      ['c/2.jpg', 'c']
    ]
    t.same(listOf(source, source.train), wanted.slice(-folders.length), format)
    t.equal(await text(source.train, 0), folders.length === 3 ? 'long' : 'one')
    await source.close()
  }
  const whole = await tarOf({ 'a/1.jpg': 'x'.repeat(2000), 'b/2.jpg': 'y'.repeat(2000) })
  const broken = {
    'cut.tar': whole.subarray(0, 512 + 2048 + 512 + 100),
    'rot.tar': Buffer.concat([whole.subarray(0, 2560), Buffer.alloc(512, 'rot')]),
    'x.tar.xz': Buffer.from('fd377a585a000004', 'hex'),
    'x.zip': Buffer.from('504b030414000000', 'hex')
  }
  await writeFiles(folder, broken)
  const cut = await openSource(join(folder, 'cut.tar'))
  t.equal(cut.train.length, 2)
  const missing = 'has no end: it was cut short, and files that followed are missing.'
  t.same(cut.notes, [`${join(folder, 'cut.tar')} ${missing}`])
  await t.rejects(cut.train.read(1), {
    message: /b\/2.jpg: expected .* picture, got one that is cut short, as its tar is/
  })
  await cut.close()
  // Between two members nothing but the missing end tells.
  const three = await tarOf({ 'a/1.jpg': '1', 'b/2.jpg': '2', 'c/3.jpg': '3' })
  await writeFiles(folder, { 'between.tar': three.subarray(0, 2 * 1024) })
  t.same((await look(join(folder, 'between.tar'))).notes, [
    `${join(folder, 'between.tar')} ${missing}`
  ])
  const cases = [
    ['rot.tar', /\[tar\] .*rot.tar: expected the header of a member at byte 2560, got other bytes/],
    [
      'x.tar.xz',
      /x.tar.xz: expected a plain tar, got one compressed by xz, .*unpack it \(tar xf x.tar.xz\)/
    ],
    ['x.zip', /compressed by zip, .*unpack it \(unzip x.zip\)/]
  ] as const
  for (const [name, message] of cases) {
    await t.rejects(openSource(join(folder, name)), { name: 'DataError', message })
  }
})

t.test('nothing with a class', async (t) => {
  const folder = await writeFiles(t.testdir(), { 'in/a.jpg': '', 'in/b.jpg': '' })
  await mkdir(join(folder, 'empty'))
  const wanted = [
    'The nearest arrangements that are read:',
    '- a folder for each class: cat/1.jpg, dog/2.jpg',
    "- a list beside the pictures, such as labels.csv, of lines '1.jpg,cat'"
  ]
  const start = `[photos] ${folder}`
  const expected = 'expected pictures with classes, got'
  const tree = ['2 pictures', 'a.jpg', 'b.jpg'].map((line) => `\u00a0\u00a0${line}`)
  await t.rejects(openSource(join(folder, 'in')), {
    message: [`${start}/in: ${expected}:`, ...tree, ...wanted].join('\n')
  })
  await t.rejects(openSource(join(folder, 'empty')), {
    message: [`${start}/empty: ${expected} nothing`, ...wanted].join('\n')
  })
  await t.rejects(openSource(join(folder, 'gone')), { name: 'DiskError' })
  await t.rejects(openSource('/dev/null'), { message: /got a device or pipe/ })
})

t.test('the stamp tells whether something changed', async (t) => {
  const folder = await writeFiles(t.testdir(), { 'a/1.jpg': 'x', 'b/1.jpg': 'y' })
  const stamp = async () => (await openSource(folder)).stamp
  const first = await stamp()
  t.equal(await stamp(), first)
  await utimes(join(folder, 'a/1.jpg'), 1, 1)
  t.not(await stamp(), first)
})

/** A batch of CIFAR's: so many images, each of one red, green and blue. */
function batch(labels: readonly number[], lead: number): Buffer {
  return Buffer.concat(
    labels.map((label) => {
      const planes = [10 + label, 20 + label, 30 + label].map((value) => Buffer.alloc(1024, value))
      return Buffer.concat([Buffer.alloc(lead - 1, 9), Buffer.of(label), ...planes])
    })
  )
}

t.test("CIFAR's batches and IDX files come by the same door", async (t) => {
  const folder = t.testdir()
  const files: Record<string, Buffer | string> = {
    'test_batch.bin': batch([9], 1),
    'batches.meta.txt': 'airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n'
  }
  for (const i of [1, 2, 3, 4, 5]) files[`data_batch_${i}.bin`] = batch([i, 0], 1)
  await writeFiles(join(folder, 'c/cifar-10-batches-bin'), files)
  const ten = await openSource(join(folder, 'c'))
  t.match(ten, {
    name: 'cifar-10',
    kind: "CIFAR's batches",
    shape: { height: 32, width: 32, channels: 3 }
  })
  t.match(ten, { train: { length: 10 }, test: { length: 1 } })
  t.same(listOf(ten, ten.test), [['test/00000', 'truck']])
  const pixels = await text(ten.train, 2)
  t.same([...pixels.slice(0, 6)], [12, 22, 32, 12, 22, 32])

  const hundred = await writeFiles(join(folder, 'h'), {
    'train.bin': batch([99, 3], 2),
    'test.bin': batch([50], 2)
  })
  const set = await openSource(hundred)
  t.same(listOf(set, set.train), [
    ['train/00000', '99'],
    ['train/00001', '3']
  ])

  await writeFiles(join(folder, 'h'), { 'test.bin': batch([50], 2).subarray(1) })
  await t.rejects(openSource(hundred), {
    message: /test.bin: expected images of 3074 bytes each, got 3073 bytes/
  })
  await writeFiles(join(folder, 'h'), { 'test.bin': batch([100], 2) })
  await t.rejects(openSource(hundred), { message: /test.bin: expected labels from 0 to 99/ })
  await writeFiles(join(folder, 'c/cifar-10-batches-bin'), { 'data_batch_3.bin': '' })
  await t.rejects(openSource(join(folder, 'c')), {
    name: 'DataError',
    message: /data_batch_3.bin: .*got 0 bytes/
  })

  const idx = await openSource(await writeSet(join(folder, 'digits')))
  t.match(idx, { name: 'digits', kind: 'IDX files', shape: { height: 4, width: 3, channels: 1 } })
  t.same([...(await text(idx.train, 1))], counting(24).slice(12))
})

const samples = join(process.env.ALEXNODE_DATA ?? '', 'imagenet-samples.tar')
const skip = !process.env.ALEXNODE_DATA
  ? 'ALEXNODE_DATA names no folder'
  : !existsSync(samples) && `there is no ${samples}`

t.test('146 real photographs in a tar', { skip }, async (t) => {
  const { name, kind, classes, train, skipped } = await look(samples)
  t.same(
    [name, kind, classes.length, train.length],
    ['imagenet-samples', 'pictures named by their class', 146, 146]
  )
  t.same(train[0], ['n01440764_tench.JPEG', 'n01440764_tench'])
  t.same(skipped, [])
})
