import t from 'tap'
import { decode, dtypeBytes, dtypes, encode, roundTo, typedArray } from '../lib/native/dtype.ts'
import { fromBf16, fromF16, toBf16, toF16 } from '../lib/native/half.ts'
import {
  denseLayout,
  elements,
  layoutElements,
  layoutOffsets,
  pack,
  parseLayout,
  unpack
} from '../lib/native/layout.ts'

const count = (n: number) => Float64Array.from({ length: n }, (_, i) => i + 1)

t.test('parses', async (t) => {
  t.same(parseLayout('aBcd8b'), {
    tag: 'aBcd8b',
    rank: 4,
    order: [0, 1, 2, 3],
    blocks: [{ dimension: 1, size: 8 }]
  })
  t.match(parseLayout('ABcd16b4a'), { blocks: [{ size: 16 }, { dimension: 0, size: 4 }] })
  t.equal(denseLayout(3), 'abc')
  for (const tag of ['', 'any', 'aab', 'acd', 'aBcd', 'abcd8b', 'ab8c', 'aBcd0b', '8a', 'abcd8']) {
    t.throws(() => parseLayout(tag), /\[layout\] expected a tag such as/, tag)
  }
  t.throws(() => pack([1], [1], 'ab'), /\[layout\] expected 2 dimensions for 'ab', got \[1\]/)
  t.throws(() => pack([1], [2], 'a'), /\[layout\] expected 2 values for \[2\], got 1/)
})

t.test('places elements where the tag says', async (t) => {
  t.same([...pack(count(6), [2, 3], 'ba')], [1, 4, 2, 5, 3, 6])
  t.same([...pack(count(6), [1, 3, 1, 2], 'acdb')], [1, 3, 5, 2, 4, 6])
  // Three channels in blocks of two: channels 0 and 1 side by side, then 2 and a zero.
  t.same([...pack(count(6), [1, 3, 1, 2], 'aBcd2b')], [1, 3, 2, 4, 5, 0, 6, 0])
  t.same([...pack(count(4), [2, 2], 'AB2b2a')], [1, 3, 2, 4])
  // The same dimension cut twice: 4 = 2 × 2, the first block is the outer one.
  t.same([...pack(count(8), [4, 2], 'AB2a2b2a')], [1, 3, 2, 4, 5, 7, 6, 8])
  t.same([...layoutOffsets([2, 2], 'ba')], [0, 2, 1, 3])
  t.equal(layoutElements([2, 5, 3, 4], 'aBcd8b'), 2 * 8 * 3 * 4)
  t.equal(layoutElements([17, 9, 3, 3], 'ABcd8b8a'), 24 * 16 * 9)
})

t.test('unpack is the reverse of pack', async (t) => {
  for (const [shape, layout] of [
    [[2, 5, 3, 4], 'abcd'],
    [[2, 5, 3, 4], 'acdb'],
    [[2, 5, 3, 4], 'aBcd8b'],
    [[17, 9, 2, 3], 'ABcd8b16a'],
    [[33, 19, 1, 2], 'ABcd4b16a4b'],
    [[2, 6, 5, 3, 3], 'aBCde8c8b'],
    [[7], 'A4a']
  ] as const) {
    const values = count(elements(shape))
    const packed = pack(values, shape, layout)
    t.same(unpack(packed, shape, layout), values, layout)
    t.equal(packed.filter((value) => value !== 0).length, values.length, `${layout} is filled up`)
  }
})

t.test('bf16 rounds to nearest even', async (t) => {
  const float = (bits: number) => new Float32Array(Uint32Array.of(bits).buffer)
  const cases: [number, number][] = [
    [0x3f800000, 0x3f80],
    [0x3f808000, 0x3f80], // half way: to even
    [0x3f818000, 0x3f82],
    [0x3f808001, 0x3f81],
    [0x3f807fff, 0x3f80],
    [0x7f7fffff, 0x7f80], // overflows to infinity
    [0x7f800000, 0x7f80],
    [0xff800000, 0xff80],
    [0x7f800001, 0x7fc0], // NaN stays NaN
    [0x80000000, 0x8000],
    [0x00000001, 0x0000]
  ]
  for (const [bits, expected] of cases) t.equal(toBf16(float(bits))[0], expected, bits.toString(16))
  for (let bits = 0; bits < 65536; bits += 17) {
    const value = fromBf16(Uint16Array.of(bits))
    if (!Number.isNaN(value[0])) t.equal(toBf16(value)[0], bits) || t.bailout()
  }
  // A view at an odd place of its buffer.
  t.same([...toBf16(Float32Array.of(1, 2, 3).subarray(1))], [0x4000, 0x4040])
})

t.test('f16 rounds to nearest even', async (t) => {
  const cases: [number, number][] = [
    [1, 0x3c00],
    [-2, 0xc000],
    [-0, 0x8000],
    [1 + 2 ** -11, 0x3c00], // half way: to even
    [1 + 3 * 2 ** -11, 0x3c02],
    [1 + 2 ** -11 + 2 ** -20, 0x3c01],
    [65504, 0x7bff],
    [65519.996, 0x7bff],
    [65520, 0x7c00], // overflows to infinity
    [-1e38, 0xfc00],
    [Number.POSITIVE_INFINITY, 0x7c00],
    [Number.NaN, 0x7e00],
    [2 ** -14, 0x0400],
    [2 ** -14 - 2 ** -26, 0x0400], // what rounds up to a normal number
    [2 ** -14 - 2 ** -24, 0x03ff], // the greatest subnormal
    [-(2 ** -24), 0x8001],
    [2 ** -25, 0x0000], // half way: to even
    [3 * 2 ** -25, 0x0002],
    [1.001 * 2 ** -25, 0x0001],
    [2 ** -149, 0x0000]
  ]
  for (const [value, bits] of cases) {
    t.equal(toF16(Float32Array.of(value))[0], bits, String(value))
  }
  // A NaN keeps its sign and as much of its payload as there is room for.
  t.same(
    [...toF16(new Float32Array(Uint32Array.of(0xff802000, 0x7f800001).buffer))],
    [0xfe01, 0x7e00]
  )
  const all = Uint16Array.from({ length: 65536 }, (_, bits) => bits)
  const values = fromF16(all)
  t.equal(values[0x3555], 0.333251953125)
  const back = toF16(values)
  t.same(
    all.filter((bits) => !Number.isNaN(values[bits]) && back[bits] !== bits),
    [],
    'every half stays itself'
  )
  // Between two neighbours the nearer one wins.
  for (let bits = 0; bits < 0x7bff; bits += 7) {
    const [low = 0, high = 0] = [values[bits], values[bits + 1]]
    const near = Float32Array.of(low + 0.49 * (high - low), low + 0.51 * (high - low))
    t.same([...toF16(near)], [bits, bits + 1]) || t.bailout()
  }
})

t.test('encodes and decodes every dtype', async (t) => {
  for (const dtype of dtypes) {
    const elements = encode([0, 1, 2, 200], dtype)
    t.equal(elements.byteLength, 4 * dtypeBytes(dtype))
    t.same(typedArray(dtype, new ArrayBuffer(8)).constructor, elements.constructor)
    t.same([...decode(elements, dtype)], [0, 1, 2, 200], dtype)
  }
  t.same([...roundTo([-1, 2 ** 31 - 1], 'i32')], [-1, 2 ** 31 - 1])
  t.same([...roundTo([2 ** 32 - 1], 'u32')], [2 ** 32 - 1])
  t.same([...roundTo([0.1, 1 / 3], 'f32')], [Math.fround(0.1), Math.fround(1 / 3)])
  t.same([...roundTo([1 + 2 ** -9], 'bf16')], [1])
  t.same([...roundTo([1 + 2 ** -9, 1e5], 'f16')], [1 + 2 ** -9, Number.POSITIVE_INFINITY])
})
