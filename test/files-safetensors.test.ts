import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { digestFile } from '../lib/util/files/bytes.ts'
import { DamagedFileError, DiskError } from '../lib/util/files/errors.ts'
import {
  readSafetensors,
  type TensorData,
  type Tensors,
  writeSafetensors
} from '../lib/util/files/safetensors.ts'
import { decodeHeader, encodeHeader, HEADER_LIMIT } from '../lib/util/files/safetensors-header.ts'

const PYTHON = '/usr/bin/python3'

function bytes(...values: readonly number[]): Uint8Array {
  return new Uint8Array(values)
}

function floats(...values: readonly number[]): Uint8Array {
  return new Uint8Array(new Float32Array(values).buffer)
}

/** One of every dtype, scalars, an empty one, and names that trip naive readers. */
const EVERY: Tensors = Object.fromEntries([
  ['conv1.weight', { dtype: 'f32', shape: [2, 1, 1, 2], data: floats(1, -2, 0.5, 1e-30) }],
  ['scalar', { dtype: 'f64', shape: [], data: new Uint8Array(new Float64Array([Math.PI]).buffer) }],
  ['half', { dtype: 'f16', shape: [1], data: bytes(0x00, 0x3c) }],
  ['brain', { dtype: 'bf16', shape: [3], data: bytes(0x80, 0x3f, 0, 0xc0, 0, 0) }],
  ['i64', { dtype: 'i64', shape: [1], data: bytes(255, 255, 255, 255, 255, 255, 255, 255) }],
  ['u64', { dtype: 'u64', shape: [1], data: bytes(1, 0, 0, 0, 0, 0, 0, 128) }],
  ['i32', { dtype: 'i32', shape: [1], data: bytes(254, 255, 255, 255) }],
  ['u32', { dtype: 'u32', shape: [2], data: bytes(1, 0, 0, 0, 2, 0, 0, 0) }],
  ['i16', { dtype: 'i16', shape: [1], data: bytes(1, 2) }],
  ['u16', { dtype: 'u16', shape: [1], data: bytes(3, 4) }],
  ['i8', { dtype: 'i8', shape: [3], data: bytes(1, 2, 3) }],
  ['u8', { dtype: 'u8', shape: [1, 5], data: bytes(1, 2, 3, 4, 5) }],
  ['bool', { dtype: 'bool', shape: [2], data: bytes(0, 1) }],
  ['empty', { dtype: 'f32', shape: [0, 3], data: bytes() }],
  ['__proto__', { dtype: 'u8', shape: [1], data: bytes(9) }],
  ['ünï"\\🙂', { dtype: 'u8', shape: [1], data: bytes(8) }]
] satisfies readonly (readonly [string, TensorData])[])

/** A file of this header and so many bytes of data. */
function raw(path: string, header: unknown, dataBytes: number): string {
  const json = typeof header === 'string' ? header : JSON.stringify(header)
  const text = Buffer.from(json)
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.byteLength))
  writeFileSync(path, Buffer.concat([length, text, Buffer.alloc(dataBytes)]))
  return path
}

t.test('what is written is read again', async (t) => {
  const path = join(t.testdir(), 'a.safetensors')
  const written = await writeSafetensors(path, EVERY, { b: 'two', a: 'öne' })
  t.strictSame(written, await digestFile(path), 'size and hash are those of the file')
  const { tensors, metadata } = await readSafetensors(path)
  t.strictSame(Object.keys(tensors).sort(), Object.keys(EVERY).sort())
  for (const [name, tensor] of Object.entries(EVERY)) t.strictSame(tensors[name], tensor, name)
  t.strictSame(metadata, { a: 'öne', b: 'two' })
  t.equal(new Float32Array(tensors['conv1.weight']!.data.buffer)[1], -2, 'its own aligned buffer')
})

t.test('the bytes depend on the content alone, and tensors are aligned', async (t) => {
  const dir = t.testdir()
  const turned = Object.fromEntries(Object.entries(EVERY).reverse())
  const a = await writeSafetensors(join(dir, 'a'), EVERY, { x: '1', y: '2' })
  const b = await writeSafetensors(join(dir, 'b'), turned, { y: '2', x: '1' })
  t.strictSame(a, b)
  const file = readFileSync(join(dir, 'a'))
  const header = Number(file.readBigUInt64LE())
  t.equal(header % 8, 0, 'the header is padded')
  const { entries } = decodeHeader('a', file.subarray(8, 8 + header), file.length - 8 - header)
  for (const { name, begin, dtype } of entries) {
    const size = Number(/\d+/.exec(dtype)?.[0] ?? 8) / 8
    t.equal(begin % size, 0, `${name} is aligned to ${size}`)
  }
})

t.test('nothing but a header', async (t) => {
  const path = join(t.testdir(), 'none')
  await writeSafetensors(path, {})
  t.strictSame(await readSafetensors(path), { tensors: {}, metadata: {} })
})

t.test('megabytes go through in pieces', async (t) => {
  const path = join(t.testdir(), 'big')
  const data = new Uint8Array(5_000_001)
  for (let i = 0; i < data.length; i += 997) data[i] = i
  let turns = 0
  const timer = setInterval(() => turns++, 0)
  await writeSafetensors(path, { data: { dtype: 'u8', shape: [data.length], data } })
  const { tensors } = await readSafetensors(path)
  clearInterval(timer)
  t.ok(Buffer.from(tensors.data!.data).equals(data))
  t.ok(turns > 0, 'the event loop had turns')
})

t.test('wrong tensors are refused before a file is made', async (t) => {
  const dir = t.testdir()
  const path = join(dir, 'w')
  const good = { dtype: 'f32', shape: [2], data: new Uint8Array(8) } as const
  const cases: readonly (readonly [string, Tensors, RegExp])[] = [
    [
      'length',
      { 'conv1.bias': { ...good, shape: [3] } },
      /tensor "conv1\.bias": expected 12 bytes for f32 \[3\], got 8; give data/
    ],
    [
      'shape',
      { a: { ...good, shape: [2, -1] } },
      /expected a shape of whole numbers, got \[2,-1\]/
    ],
    ['fraction', { a: { ...good, shape: [1.5] } }, /whole numbers, got \[1\.5\]; correct it/],
    ['name', { __metadata__: good }, /tensor "__metadata__": expected another name/],
    ['dtype', JSON.parse('{"a":{"dtype":"f8","shape":[8],"data":{}}}'), /a dtype of f64.*, got f8/]
  ]
  for (const [name, tensors, message] of cases) {
    await t.rejects(writeSafetensors(path, tensors), { name: 'TypeError', message }, name)
  }
  const notText = JSON.parse('{"a":1}')
  await t.rejects(writeSafetensors(path, {}, notText), { message: /metadata "a": expected text/ })
  const long = { a: ' '.repeat(HEADER_LIMIT) }
  t.throws(() => encodeHeader('w', {}, long), { name: 'RangeError', message: /at most 100000000/ })
  t.strictSame(readdirSync(dir), [])
})

t.test('damaged files: the error names file, tensor, expected and got', async (t) => {
  const dir = t.testdir()
  const path = join(dir, 'd.safetensors')
  const entry = { dtype: 'F32', shape: [2], data_offsets: [0, 8] }
  const cases: readonly (readonly [string, unknown, number, RegExp])[] = [
    ['not JSON', '{"a":', 0, /expected a JSON header, got .*JSON/],
    ['not an object', '[1]', 0, /expected a header that is a JSON object, got object/],
    ['no entry', { a: 1 }, 0, /tensor "a": expected dtype, shape and data_offsets, got number/],
    [
      'dtype',
      { a: { ...entry, dtype: 'F9' } },
      8,
      /tensor "a": expected a dtype of F64.*, got "F9"/
    ],
    ['lower case', { a: { ...entry, dtype: 'f32' } }, 8, /expected a dtype of .*, got "f32"/],
    ['shape', { a: { ...entry, shape: [-2] } }, 8, /a shape of whole numbers, got \[-2\]/],
    ['no shape', { a: { ...entry, shape: 'x' } }, 8, /a shape of whole numbers, got "x"/],
    [
      'offsets',
      { a: { ...entry, data_offsets: [0] } },
      8,
      /data_offsets \[begin, end\], got \[0\]/
    ],
    ['backwards', { a: { ...entry, data_offsets: [8, 0] } }, 8, /\[begin, end\], got \[8,0\]/],
    ['text', { a: { ...entry, data_offsets: ['0', '8'] } }, 8, /\[begin, end\], got \["0","8"\]/],
    ['size', { a: { ...entry, shape: [3] } }, 8, /expected 12 bytes for f32 \[3\], got 8/],
    ['overflow', { a: { ...entry, shape: [2 ** 40, 2 ** 40] } }, 8, /bytes for f32 .*, got 8/],
    ['cut', { a: entry }, 7, /tensor "a": expected data up to byte 8, got a file that ends at 7/],
    ['trailing', { a: entry }, 9, /expected 8 bytes of data, got 1 bytes more/],
    [
      'overlap',
      { a: entry, b: { ...entry, data_offsets: [4, 12] } },
      12,
      /tensor "b": expected data from byte 8, got bytes of another tensor \(it begins at 4\)/
    ],
    [
      'gap',
      { a: entry, b: { ...entry, data_offsets: [9, 17] } },
      17,
      /tensor "b": expected data from byte 8, got a gap before it \(it begins at 9\)/
    ],
    ['metadata', { __metadata__: 1 }, 0, /expected metadata that is an object, got number/],
    ['metadata text', { __metadata__: { a: 1 } }, 0, /expected metadata "a" that is text, got numb/]
  ]
  for (const [name, header, dataBytes, message] of cases) {
    const error = await readSafetensors(raw(path, header, dataBytes)).catch((e: unknown) => e)
    t.ok(error instanceof DamagedFileError, name)
    t.match(error, { message }, name)
    t.match(
      error,
      { message: /^\[safetensors\] \/.*d\.safetensors: .*; the file is damaged/s },
      name
    )
  }
  writeFileSync(path, Buffer.from([1, 2, 3]))
  await t.rejects(readSafetensors(path), { message: /at least 8 bytes, got 3/ })
  writeFileSync(path, Buffer.concat([raw8(2n), Buffer.from([0xff, 0xfe])]))
  await t.rejects(readSafetensors(path), { message: /expected a JSON header, got / }, 'not UTF-8')
  writeFileSync(path, raw8(1n << 60n))
  await t.rejects(readSafetensors(path), {
    message: /a header of at most 100000000 bytes, got 11529/
  })
  writeFileSync(path, raw8(16n))
  await t.rejects(readSafetensors(path), { message: /a header of 16 bytes, got a file of 8 bytes/ })
})

function raw8(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(value)
  return bytes
}

t.test('two tensors of one name are refused, however it is written', async (t) => {
  const folder = t.testdir()
  const entry = '{"dtype":"U8","shape":[1],"data_offsets":[0,1]}'
  const headers = {
    twice: `{"w":${entry},"w":${entry}}`,
    escaped: `{"w":${entry}, "\\u0077" : ${entry}}`,
    inside: `{"w":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}`,
    metadata: `{"__metadata__":{"a":"1","a":"2"},"w":${entry}}`
  }
  for (const [name, header] of Object.entries(headers)) {
    const path = raw(join(folder, name), header, 1)
    await t.rejects(readSafetensors(path), /expected names that differ, got ".*" twice/, name)
  }
  const texts = `{"__metadata__":{"a":"{\\"a\\":1,\\"a\\":2}"},"a":${entry}}`
  t.same((await readSafetensors(raw(join(folder, 'texts'), texts, 1))).tensors.a?.data.length, 1)
})

t.test('a file cut anywhere is refused', async (t) => {
  const dir = t.testdir()
  await writeSafetensors(join(dir, 'whole'), EVERY, { a: 'b' })
  const whole = readFileSync(join(dir, 'whole'))
  for (let length = 0; length < whole.length; length += 1) {
    writeFileSync(join(dir, 'cut'), whole.subarray(0, length))
    const error = await readSafetensors(join(dir, 'cut')).catch((e: unknown) => e)
    if (!(error instanceof DamagedFileError)) t.fail(`cut at ${length} is read`)
  }
  t.pass(`${whole.length} lengths`)
})

t.test('the disk refuses', async (t) => {
  const dir = t.testdir({ file: '' })
  const cases = [
    [
      () => readSafetensors(join(dir, 'none')),
      'ENOENT',
      /cannot read .*none: it or its parent folder/
    ],
    [() => readSafetensors(dir), 'EISDIR', /this is a folder, not a file/],
    [
      () => writeSafetensors(join(dir, 'file'), EVERY),
      'EEXIST',
      /cannot write .*file: it exists already/
    ],
    [
      () => writeSafetensors(join(dir, 'no', 'x'), EVERY),
      'ENOENT',
      /cannot write .*x: it or its parent/
    ],
    [
      () => writeSafetensors(join(dir, 'file', 'x'), EVERY),
      'ENOTDIR',
      /a part of this path is a file/
    ]
  ] as const
  for (const [act, code, message] of cases) {
    const error = await act().catch((e: unknown) => e)
    t.ok(error instanceof DiskError, code)
    t.match(error, { code, message })
  }
  t.strictSame(readFileSync(join(dir, 'file'), 'utf8'), '', 'what was there is untouched')
})

const noPython = existsSync(PYTHON) ? false : { skip: `no ${PYTHON}` }

/** A reader and writer of the format that shares nothing with this package. */
const PEER = `
import hashlib, json, struct, sys
mode, path = sys.argv[1:]
if mode == 'read':
    blob = open(path, 'rb').read()
    n = struct.unpack('<Q', blob[:8])[0]
    head = json.loads(blob[8:8 + n])
    data = blob[8 + n:]
    out = {'metadata': head.pop('__metadata__', {}), 'used': 0}
    out['tensors'] = {}
    for name, e in head.items():
        b, f = e['data_offsets']
        out['used'] += f - b
        out['tensors'][name] = [e['dtype'], e['shape'], data[b:f].hex()]
    assert out['used'] == len(data)
    w = head['conv1.weight']['data_offsets']
    out['floats'] = struct.unpack('<4f', data[w[0]:w[1]])
    print(json.dumps(out))
else:
    data = struct.pack('<3f', 1.5, -2.0, 3.25) + struct.pack('<q', -5)
    head = json.dumps({'__metadata__': {'from': 'python'},
        'n': {'dtype': 'I64', 'shape': [1], 'data_offsets': [12, 20]},
        'x': {'dtype': 'F32', 'shape': [3, 1], 'data_offsets': [0, 12]}}).encode()
    open(path, 'wb').write(struct.pack('<Q', len(head)) + head + data)
`

t.test('an independent reader and writer agree (python3)', noPython || {}, async (t) => {
  const dir = t.testdir()
  const python = (mode: string, path: string): string => {
    const done = spawnSync(PYTHON, ['-c', PEER, mode, path], { encoding: 'utf8' })
    if (done.status !== 0) throw new Error(done.stderr)
    return done.stdout
  }
  await writeSafetensors(join(dir, 'ours'), EVERY, { a: 'b' })
  const seen = JSON.parse(python('read', join(dir, 'ours')))
  const expected = Object.entries(EVERY).map(([name, { dtype, shape, data }]) => {
    return [name, [dtype.toUpperCase(), shape, Buffer.from(data).toString('hex')]]
  })
  t.strictSame(seen.tensors, Object.fromEntries(expected))
  t.strictSame(seen.metadata, { a: 'b' })
  t.strictSame(seen.floats, [1, -2, 0.5, Math.fround(1e-30)])

  python('write', join(dir, 'theirs'))
  const { tensors, metadata } = await readSafetensors(join(dir, 'theirs'))
  t.strictSame(metadata, { from: 'python' })
  t.strictSame(tensors.x, { dtype: 'f32', shape: [3, 1], data: floats(1.5, -2, 3.25) })
  t.equal(new BigInt64Array(tensors.n!.data.buffer)[0], -5n)
})
