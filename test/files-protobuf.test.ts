import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { type Message, readProtobuf, readSpan } from '../lib/util/files/protobuf.ts'
import { type Encoded, protobufWriter } from '../lib/util/files/protobuf-writer.ts'
import { processorTime } from './processor-time.ts'

const folder = await mkdtemp(join(tmpdir(), 'alexnode-protobuf-'))
t.teardown(() => rm(folder, { recursive: true }))
const start = await protobufWriter()

async function file(bytes: Uint8Array | readonly number[]): Promise<string> {
  const path = join(folder, 'message')
  await writeFile(path, Uint8Array.from(bytes))
  return path
}

async function read<T>(
  bytes: Encoded | readonly number[],
  work: (root: Message) => Promise<T>
): Promise<T> {
  const all = 'parts' in bytes ? Buffer.concat(bytes.parts) : bytes
  return readProtobuf('test', await file(all), work)
}

t.test('fields of every kind come back', async (t) => {
  const large = new Uint8Array(300_000).map((_, i) => i)
  const inner = start().text(1, 'größer').integer(2, -7).end()
  const message = start()
    .integer(1, 300)
    .float(2, 0.5)
    .bytes(3, large)
    .message(4, inner)
    .message(4, start().text(1, '').end())
    .integer(5, 2 ** 40)
    .integer(7, 1)
    .integer(7, -1)
    .end()
  await read(message, async (root) => {
    t.equal(root.integer(1), 300)
    t.equal(await root.float(2), 0.5)
    t.same(await root.bytes(3), large)
    const [first, second] = await root.messages(4)
    t.equal(await first?.text(1), 'größer')
    t.equal(first?.integer(2), -7)
    t.equal(await second?.text(1), '')
    t.equal(root.integer(5), 2 ** 40)
    t.equal(root.integer(6), undefined)
    t.equal(root.count(4), 2)
    t.same(await root.numbers(7, 'varint'), [1, -1])
    t.equal(root.integer(7), -1, 'the last of a single field counts')
    const span = root.span(3)
    if (!span) throw new Error('expected a place')
    t.same(await readSpan('test', join(folder, 'message'), span), large)
  })
})

t.test('bytes are those of the format’s documentation', async (t) => {
  // https://protobuf.dev/programming-guides/encoding/: { 1: 150 }, { 2: 'testing' }, packed { 6: [3, 270, 86942] }
  t.same(Buffer.concat(start().integer(1, 150).end().parts), Buffer.from([8, 0x96, 1]))
  const text = [0x12, 7, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67]
  t.equal(await read(text, (root) => root.text(2)), 'testing')
  const packed = [0x32, 6, 3, 0x8e, 2, 0x9e, 0xa7, 5]
  t.same(await read(packed, (root) => root.numbers(6, 'varint')), [3, 270, 86942])
  const doubles = [0x0a, 8, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]
  t.same(await read(doubles, (root) => root.numbers(1, 'double')), [1])
})

t.test('a message of many pieces is read through a small window', async (t) => {
  const message = start()
  for (let i = 0; i < 20_000; i++) message.message(1, start().text(1, `name ${i}`).end())
  const names = await read(message.end(), async (root) => {
    const all = await root.messages(1)
    return Promise.all([0, 10_000, 19_999].map((i) => all[i]?.text(1)))
  })
  t.same(names, ['name 0', 'name 10000', 'name 19999'])
})

const depth = (levels: number): Encoded => {
  let message = start().integer(2, 1).end()
  for (let i = 0; i < levels; i++) message = start().message(1, message).end()
  return message
}

async function deepest(message: Message): Promise<number | undefined> {
  const inner = await message.message(1)
  return inner ? deepest(inner) : message.integer(2)
}

t.test('what is damaged is named', async (t) => {
  const nothing = async () => {}
  const cases: [
    string,
    Encoded | readonly number[],
    (root: Message) => Promise<unknown>,
    RegExp
  ][] = [
    ['a length beyond the end', [0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f], nothing, /an end after 0/],
    ['a length of 2^63', [0x0a, ...Array(9).fill(0xff), 1], nothing, /an end after/],
    ['a varint that does not end', Array(40).fill(0xff), nothing, /field of a message at byte 0/],
    ['a tag without a value', [8], nothing, /field of a message at byte 0/],
    ['field number 0', [0, 0], nothing, /illegal tag/],
    ['a group', [0x0b, 0x0c], nothing, /a group/],
    ['another kind', [8, 1], (root) => root.text(1), /expected bytes in field 1.*got varint/],
    ['text that is not UTF-8', [0x0a, 1, 0xff], (root) => root.text(1), /text in UTF-8/],
    [
      'a number of 2^62',
      [8, ...Array(8).fill(0x80), 0x40],
      async (r) => r.integer(1),
      /below 2\^53/
    ],
    ['messages in each other', depth(40), deepest, /at most 32 messages in each other/],
    ['packed numbers cut short', [0x0a, 1, 0x80], (r) => r.numbers(1, 'varint'), /early end/],
    ['a cut fixed32', [0x0d, 0, 0], nothing, /4 bytes at byte 1, got an end after 2/],
    ['many fields', Array(600_000).fill([8, 1]).flat(), nothing, /at most 262144 fields/],
    [
      'many numbers',
      Array(70_000).fill([8, 1]).flat(),
      (r) => r.numbers(1, 'varint'),
      /at most 65536/
    ]
  ]
  for (const [what, bytes, work, message] of cases) {
    const error = { name: 'DamagedFileError', message }
    const seconds = await processorTime(() => t.rejects(read(bytes, work), error, what))
    t.ok(seconds < 1.5, `${what}: at once`)
  }
  t.equal(await read(depth(30), deepest), 1)
  await t.rejects(readProtobuf('test', join(folder, 'none'), nothing), { name: 'DiskError' })
  await t.rejects(readSpan('test', await file([1]), { at: 0, length: 9 }), /expected 9 bytes/)
})
