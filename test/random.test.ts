import t from 'tap'
import { philox } from '../lib/util/philox.ts'
import { fnv1a, permutation, Random, toUniform, toWords } from '../lib/util/random.ts'

// The known answers that Random123 publishes for philox4x32 with 10 rounds.
const max = 0xffffffff
const known = [
  {
    counter: [0, 0, 0, 0],
    key: [0, 0],
    expected: [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]
  },
  {
    counter: [max, max, max, max],
    key: [max, max],
    expected: [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]
  },
  {
    counter: [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    key: [0xa4093822, 0x299f31d0],
    expected: [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]
  }
] as const

t.test('philox gives the published known answers', async (t) => {
  for (const { counter, key, expected } of known) t.same(philox(counter, key), expected)
})

t.test('toUniform keeps the upper 24 bits', async (t) => {
  t.equal(toUniform(0), 0)
  t.equal(toUniform(255), 0)
  t.equal(toUniform(0x80000000), 0.5)
  t.equal(toUniform(max), 1 - 2 ** -24)
})

t.test('fnv1a gives the published answers', async (t) => {
  t.equal(fnv1a(''), 0x811c9dc5)
  t.equal(fnv1a('a'), 0xe40c292c)
  t.equal(fnv1a('foobar'), 0xbf9cf968)
})

t.test('toWords splits whole numbers of 53 bits', async (t) => {
  t.same(toWords(5), [5, 0])
  t.same(toWords(2 ** 32 + 7), [7, 1])
  t.same(toWords(Number.MAX_SAFE_INTEGER), [max, 0x1fffff])
  for (const wrong of [-1, 0.5, 2 ** 53, Number.NaN]) {
    t.throws(() => toWords(wrong), {
      message: `[random] expected seed to be a whole number from 0 to 2^53 - 1, got ${wrong}`
    })
  }
})

t.test('a stream is philox over its blocks', async (t) => {
  const random = new Random({ seed: 2 ** 32 + 3, purpose: 'foobar', index: 9 })
  const words = Array.from({ length: 8 }, () => random.word())
  t.same(words.slice(0, 4), philox([0, 9, 0, 0xbf9cf968], [3, 1]))
  t.same(words.slice(4), philox([1, 9, 0, 0xbf9cf968], [3, 1]))

  random.restart(10)
  random.restart(9)
  t.equal(random.word(), words[0])
})

t.test('a stream draws in range and without favour', async (t) => {
  const random = new Random({ seed: 1 })
  const counts = new Array<number>(6).fill(0)
  let sum = 0
  let heads = 0
  for (let i = 0; i < 60_000; i++) {
    counts[random.integer(6)]!++
    sum += random.uniform(-1, 3)
    if (random.chance(0.25)) heads++
    const [x, y] = random.direction()
    if (Math.abs(x * x + y * y - 1) > 1e-12) t.fail(`direction off the circle: ${x}, ${y}`)
  }
  // Four standard deviations of each count.
  for (const count of counts) t.ok(Math.abs(count - 10_000) < 366, `${count} of about 10,000`)
  t.ok(Math.abs(sum / 60_000 - 1) < 0.019)
  t.ok(Math.abs(heads - 15_000) < 425)
  t.equal(random.integer(1), 0)
  for (const wrong of [0, -1, 1.5, 2 ** 32 + 1]) {
    t.throws(() => random.integer(wrong), {
      message: `[random] expected a whole number from 1 to 2^32, got ${wrong}`
    })
  }
})

t.test('permutation', async (t) => {
  const order = permutation(1000, 1, 0)
  const whole = Uint32Array.from({ length: 1000 }, (_, i) => i)
  t.notSame(order, whole, 'moves things')
  t.same(order.slice().sort(), whole, 'keeps everything')
  t.same(permutation(1000, 1, 0), order, 'is the same again')
  t.notSame(permutation(1000, 1, 1), order, 'differs by epoch')
  t.notSame(permutation(1000, 2, 0), order, 'differs by seed')
  t.same(permutation(0, 1, 0), new Uint32Array(0))
  t.same(permutation(1, 1, 0), new Uint32Array(1))

  const first = new Array<number>(5).fill(0)
  for (let epoch = 0; epoch < 5000; epoch++) first[permutation(5, 3, epoch)[0]!]!++
  for (const count of first) t.ok(Math.abs(count - 1000) < 120, `${count} of about 1000`)

  t.throws(() => permutation(-1, 1, 0), {
    message: '[random] expected n to be a whole number from 0 to 2^32 - 1, got -1'
  })
})
