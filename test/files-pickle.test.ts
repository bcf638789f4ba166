// Python's pickles are read as data: what NumPy writes, and nothing that is not allowed by name.
import { execFileSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { findCifar, loadCifarFolder } from '../lib/data/cifar.ts'
import { PickleCall, PickleReference, readPickle } from '../lib/util/files/pickle.ts'
import { tarOf, writeFiles } from './photo-files.ts'

const read = (text: string, allowed: readonly string[] = []) =>
  readPickle(Buffer.from(text, 'latin1'), { name: 'x.pkl', allowed })

t.test('values and containers', (t) => {
  t.same(read('\x80\x02]q\x00(K\x01M\x01\x01J\xff\xff\xff\xff\x8a\x02\x00\x80\x88Ne.'), [
    1,
    257,
    -1,
    -32768,
    true,
    null
  ])
  t.same(read('\x80\x02]q\x00(]q\x01h\x01e.'), [[], []])
  t.same(
    read('\x80\x04\x95\x08\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\x01a\x94G?\xf0\0\0\0\0\0\0s.'),
    new Map([['a', 1]])
  )
  const call = read(
    '\x80\x02ccollections\nOrderedDict\n)R(X\x01\x00\x00\x00aX\x01\x00\x00\x00bQu.',
    ['collections OrderedDict']
  )
  t.ok(call instanceof PickleCall)
  t.match(call, { name: 'collections OrderedDict', args: [] })
  if (call instanceof PickleCall) t.same(call.items.get('a'), new PickleReference('b'))
  t.end()
})

t.test('what runs something is refused by name, and damage is told', (t) => {
  const cases = [
    [
      '\x80\x02cos\nsystem\nU\x02ls\x85R.',
      /expected names of nothing, got os system, which is not used/
    ],
    ['\x80\x04\x8c\x02os\x8c\x06system\x93.', /got os system/],
    ['\x80\x02ios\nsystem\n.', /an opcode of data, got 0x69/],
    ['\x80\x02(U\x02lsos\nsystem\n', /an opcode of data, got 0x6f/],
    ['\x80\x02U\x09short', /cut short/],
    ['\x80\x02T\xff\xff\xff\xff.', /cut short/],
    ['\x80\x02]K\x01', /cut short/],
    ['.', /an empty stack/],
    ['(.', /got a mark/],
    ['K\x01a.', /empty stack/],
    ['h\x05.', /kept as 5/],
    ['NK\x01a.', /a list to append to/],
    ['K\x01)R.', /a call of a name/],
    ['K\x01Nb.', /an object to set/]
  ] as const
  for (const [text, message] of cases) {
    t.throws(() => read(text), { name: 'DamagedFileError', message }, JSON.stringify(text))
  }
  t.end()
})

/** A batch as Python 2 wrote it: protocol 2, strings as bytes. */
function batch(labels: readonly number[], key = 'labels'): Buffer {
  const data = Buffer.concat(
    labels.map((label) =>
      Buffer.concat([10, 20, 30].map((value) => Buffer.alloc(1024, value + label)))
    )
  )
  const size = Buffer.alloc(4)
  size.writeInt32LE(data.length)
  const text = (value: string) => `U${String.fromCharCode(value.length)}${value}`
  return Buffer.concat([
    Buffer.from(
      `\x80\x02}q\x01(${text('data')}cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85`,
      'latin1'
    ),
    Buffer.from(
      `${text('b')}\x87R(K\x01K${String.fromCharCode(labels.length)}M\0\x0c\x86cnumpy\ndtype\n`,
      'latin1'
    ),
    Buffer.from(
      `${text('u1')}K\0K\x01\x87R(K\x03${text('|')}NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb\x89T`,
      'latin1'
    ),
    size,
    data,
    Buffer.from(`tb${text(key)}](`, 'latin1'),
    Buffer.from(labels.flatMap((label) => [75, label])),
    Buffer.from('eu.')
  ])
}

/** Opens a folder that holds batches. */
async function load(folder: string) {
  const found = await findCifar(folder)
  if (!found) throw new Error('expected batches, got none')
  return loadCifarFolder(found)
}

const names = 'airplane automobile bird cat deer dog frog horse ship truck'.split(' ')

t.test("CIFAR's pickles, in a folder and in a plain tar; its binary tar", async (t) => {
  const files: Record<string, Buffer> = {
    test_batch: batch([9]),
    'batches.meta': Buffer.from(
      `}(U\x0blabel_names](${names.map((name) => `U${String.fromCharCode(name.length)}${name}`).join('')}eu.`,
      'latin1'
    )
  }
  const binary: Record<string, Buffer> = {}
  const record = (label: number) =>
    Buffer.concat(
      [[label], [10 + label], [20 + label], [30 + label]].map(([value = 0], i) =>
        Buffer.alloc(i === 0 ? 1 : 1024, value)
      )
    )
  for (const i of [1, 2, 3, 4, 5]) {
    files[`data_batch_${i}`] = batch([i, 0])
    binary[`cifar-10-batches-bin/data_batch_${i}.bin`] = Buffer.concat([record(i), record(0)])
  }
  binary['cifar-10-batches-bin/test_batch.bin'] = record(9)
  const folder = await writeFiles(join(t.testdir(), 'cifar-10-batches-py'), files)
  const python = join(folder, '../cifar-10-python.tar')
  const inTar = Object.entries(files).map(([name, bytes]) => [`cifar-10-batches-py/${name}`, bytes])
  await writeFile(python, await tarOf(Object.fromEntries(inTar)))
  const bin = join(folder, '../cifar-10-binary.tar')
  await writeFile(bin, await tarOf(binary))
  for (const path of [folder, join(folder, '..'), python, bin]) {
    const found = await findCifar(path)
    t.ok(found, path)
    if (!found) continue
    const data = await loadCifarFolder(found)
    t.match(data, { name: 'cifar-10', classes: names, train: { length: 10 }, test: { length: 1 } })
    const pixels = new Uint8Array(2 * 3072)
    const labels = new Int32Array(2)
    await data.train.read(Uint32Array.of(4, 1), pixels, labels)
    t.same([...labels, ...pixels.subarray(0, 4)], [3, 0, 13, 23, 33, 13])
    await data.test.read(Uint32Array.of(0), pixels.subarray(0, 3072), labels)
    t.equal(labels[0], 9)
  }
  await writeFile(join(folder, 'data_batch_3'), batch([11]))
  await t.rejects(load(folder), { message: /data_batch_3/ })
  await writeFile(join(folder, 'data_batch_3'), batch([1], 'other'))
  await t.rejects(load(folder), {
    message: /with 'data' and 'labels', got another/
  })

  const hundred = await writeFiles(join(t.testdirName, 'hundred/cifar-100-python'), {
    train: batch([99, 3], 'fine_labels'),
    test: batch([50], 'fine_labels'),
    meta: Buffer.from('}.')
  })
  const other = await findCifar(hundred)
  t.match(other && (await loadCifarFolder(other)), { name: 'cifar-100', train: { length: 2 } })
})

t.test('as Python and NumPy write them', async (t) => {
  const python = `
import pickle, sys, numpy
data = numpy.arange(2 * 3072, dtype='u1').reshape(2, 3072)
for protocol in 2, 3, 4, 5:
    with open(f'{sys.argv[1]}/{protocol}', 'wb') as file:
        pickle.dump({'data': data, 'labels': [3, 200], 'batch_label': 'x'}, file, protocol)`
  const folder = t.testdir()
  try {
    execFileSync('python3', ['-c', python, folder], { stdio: 'ignore' })
  } catch {
    t.comment('skipped: no python3 with NumPy')
    return
  }
  const { readFile } = await import('node:fs/promises')
  const { readBatch } = await import('../lib/data/cifar-pickles.ts')
  for (const protocol of ['2', '3', '4']) {
    const { data, labels } = readBatch(
      await readFile(join(folder, protocol)),
      protocol,
      'labels',
      3072
    )
    t.same([...labels], [3, 200], protocol)
    t.ok(data.every((value, i) => value === i % 256))
  }
  return
})
