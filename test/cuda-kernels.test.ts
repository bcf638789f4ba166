// What the rows of the op table cannot show of CUDA's own kernels: the CPU's random bits, tensors that begin
// anywhere, sums that do not hang on the size of the GPU, and updates that are joined into one launch.
import { join } from 'node:path'
import t from 'tap'
import { type Device, open } from '../lib/engine/device.ts'
import type { Tensor } from '../lib/engine/memory.ts'
import { record } from '../lib/engine/program.ts'
import type { Stream } from '../lib/engine/stream.ts'
import { type DType, encode } from '../lib/native/dtype.ts'
import { elements, pack } from '../lib/native/layout.ts'
import type { Fields } from '../lib/selftest/reference/index.ts'
import { Random } from '../lib/util/random.ts'
import { fakeCudaFolder, hasCompiler } from './fake-cuda/build.ts'
import { Control } from './fake-cuda/control.ts'

const canFake = process.platform === 'linux' && hasCompiler
const needsDouble = { skip: canFake ? false : 'the doubles need Linux and a compiler (c++)' }
const control = new Control(join(t.testdir({}), 'control'))
t.teardown(() => control.close())
if (canFake) {
  process.env.ALEXNODE_CUDA_PATH = await fakeCudaFolder()
  process.env.ALEXNODE_FAKE_CUDA_CONTROL = control.path
}

interface Slot {
  readonly shape: readonly number[]
  readonly dtype: DType
  readonly layout?: string
  /** Row-major. Absent: the op writes it. */
  readonly values?: ArrayLike<number>
}
type Slots = Readonly<Record<string, Slot>>

/** Numbers that repeat, from -2 to 2. */
function numbers(shape: readonly number[], seed: number): Float64Array {
  const random = new Random({ seed })
  return Float64Array.from({ length: elements(shape) }, () => random.uniform(-2, 2))
}

/** Prepares an op and places its tensors, each `shift` bytes behind a multiple of 64. */
async function call(stream: Stream, name: string, fields: Fields, slots: Slots, shift = 0) {
  const specs = Object.entries(slots).map(([slot, { values, ...spec }]) => [slot, spec] as const)
  const op = await stream.prepare(name, fields, Object.fromEntries(specs))
  let end = 0
  const places = Object.entries(op.slots).map(([slot, spec]) => {
    const offset = end + shift
    end = Math.ceil((offset + spec.bytes) / 64) * 64
    return [slot, { ...spec, offset }] as const
  })
  const buffer = stream.device.allocate(end + op.scratch)
  const tensors: Record<string, Tensor> = {}
  for (const [slot, options] of places) {
    const tensor = buffer.tensor(options)
    tensors[slot] = tensor
    const { values } = slots[slot] ?? {}
    if (!values) continue
    stream.write(tensor, encode(pack(values, tensor.shape, tensor.layout), tensor.dtype))
  }
  const scratch = buffer.tensor({ shape: [op.scratch], dtype: 'u8', offset: end })
  const run = () => stream.run(op, tensors, scratch)
  const read = async () => {
    const found: Record<string, string> = {}
    for (const [slot, tensor] of Object.entries(tensors)) {
      const { buffer, byteOffset, byteLength } = await stream.read(tensor)
      found[slot] = Buffer.from(buffer, byteOffset, byteLength).toString('base64')
    }
    return found
  }
  const close = () => {
    op.close()
    buffer.close()
  }
  return { run, read, close }
}

/** The bytes of all tensors after one run. */
async function outcome(device: Device, name: string, fields: Fields, slots: Slots, shift = 0) {
  const stream = device.stream()
  const { run, read, close } = await call(stream, name, fields, slots, shift)
  run()
  const found = await read()
  close()
  await stream.close()
  return found
}

const rng: Slot = { shape: [4], dtype: 'u32', values: [0x12345678, 0x9abcdef0, 7, 2 ** 31] }

t.test("random numbers are the CPU's, bit for bit", needsDouble, async (t) => {
  await using cpu = await open('cpu')
  await using cuda = await open('cuda')
  const same = async (name: string, fields: Fields, slots: Slots) => {
    const found = await outcome(cuda, name, fields, slots)
    t.same(found, await outcome(cpu, name, fields, slots), JSON.stringify([name, fields, slots.y]))
  }
  for (const dtype of ['f32', 'bf16'] as const) {
    for (const shape of [[1], [4099], [3, 5, 7, 2]]) {
      const slots = { y: { shape, dtype }, rng }
      await same('fill_uniform', { low: -0.7, high: 1.9, purpose: 5 }, slots)
      await same('fill_normal', { mean: 0.3, std: 1.7, purpose: 6 }, slots)
    }
    const shape = [3, 13, 5, 3]
    for (const layout of ['abcd', 'acdb', 'aBcd8b']) {
      for (const slice of [{}, { channels: 31, channel_offset: 11 }]) {
        const like = { shape, dtype, layout }
        const slots = { y: like, x: { ...like, values: numbers(shape, 3) }, rng }
        await same('dropout', { rate: 0.4, scale: 1.5, purpose: 9, ...slice }, slots)
      }
    }
  }
})

t.test('products are rounded to TF32 by choice alone', needsDouble, async (t) => {
  await using plain = await open('cuda')
  await using chosen = await open('cuda', { tf32: true })
  const of = (shape: readonly number[], seed: number): Slot => ({
    shape,
    dtype: 'f32',
    values: numbers(shape, seed)
  })
  const out = (shape: readonly number[]): Slot => ({ shape, dtype: 'f32' })
  const products: readonly [string, Fields, Slots][] = [
    ['gemm', {}, { c: out([8, 8]), a: of([8, 8], 1), b: of([8, 8], 2) }],
    ['conv2d', {}, { y: out([1, 4, 3, 3]), x: of([1, 4, 5, 5], 3), w: of([4, 4, 3, 3], 4) }]
  ]
  for (const [name, fields, slots] of products) {
    const exact = await outcome(plain, name, fields, slots)
    t.same(await outcome(plain, name, fields, slots), exact, name)
    t.notSame(await outcome(chosen, name, fields, slots), exact, `${name} in TF32`)
  }
})

t.test('more numbers than cuDNN counts', needsDouble, async (t) => {
  await using device = await open('cuda')
  const [x, y, w] = [
    [2 ** 16, 8, 64, 64],
    [2 ** 16, 8, 62, 62],
    [8, 8, 3, 3]
  ].map((shape) => ({ shape, dtype: 'bf16' }) as const)
  if (!x || !y || !w) throw new Error('no shapes')
  await t.rejects(device.stream().prepare('conv2d', {}, { y, x, w }), {
    message: /\[cuda\] cuDNN convolves tensors of at most 2\^31 - 1 numbers, .* a smaller batch/
  })
})

/** Calls whose kernels take 16 bytes at once where they can, or add things up. */
function calls(dtype: DType, layout: string): [string, Fields, Slots][] {
  const shape = [3, 24, 11, 9]
  const like = { shape, dtype, layout }
  const row = { shape: [24], dtype: 'f32' } as const
  const [a, b, c, d] = [1, 2, 3, 4].map((seed) => ({ ...like, values: numbers(shape, seed) }))
  const [e, f] = [5, 6].map((seed) => ({ ...row, values: numbers([24], seed).map(Math.abs) }))
  if (!a || !b || !c || !d || !e || !f) throw new Error('too few tensors')
  const matrix = { shape: [5, 700], dtype }
  const logits = { ...matrix, values: numbers([5, 700], 7) }
  const one = (values: number[], dtype: DType): Slot => ({ shape: [values.length], dtype, values })
  const statistics = { mean: e, var: f }
  const summed = { mean: row, var: row }
  return [
    ['relu', {}, { y: like, x: a }],
    ['add', {}, { y: like, a, b }],
    ['dropout', { purpose: 1 }, { y: like, x: a, rng }],
    ['batch_norm', {}, { y: like, ...summed, x: c, scale: e, shift: f }],
    [
      'batch_norm_backward',
      {},
      { dx: like, dscale: row, dshift: row, x: c, dy: d, scale: e, ...statistics }
    ],
    [
      'cross_entropy',
      {},
      {
        dlogits: matrix,
        stats: { shape: [5], dtype: 'f32' },
        logits,
        labels: one([0, 699, 3, 50, -1], 'i32'),
        valid: one([5], 'i32'),
        scale: one([1], 'f32')
      }
    ]
  ]
}

t.test('tensors begin anywhere, and the GPU is of any size', needsDouble, async (t) => {
  const rows = (['f32', 'bf16', 'f16'] as const).flatMap((dtype) =>
    ['abcd', 'acdb', 'aBcd8b'].flatMap((layout) =>
      calls(dtype, layout).map((call) => ({ name: `${call[0]} ${dtype} ${layout}`, call }))
    )
  )
  const all = async (multiprocessors: number, shift: number) => {
    control.set('multiprocessors', multiprocessors)
    await using device = await open('cuda')
    t.equal(device.gpu?.multiprocessors, multiprocessors)
    const found = []
    for (const { call } of rows) found.push(await outcome(device, ...call, shift))
    return found
  }
  const plain = await all(4, 0)
  const shifted = await all(4, 4)
  const small = await all(1, 0)
  rows.forEach(({ name }, i) => {
    t.same(shifted[i], plain[i], `${name}, shifted`)
    t.same(small[i], plain[i], `${name}, on another GPU`)
  })
})

/** An update of a parameter of `length` numbers, of which some have a rounded copy, and some are skipped. */
function update(name: 'sgd' | 'adam', length: number): Slots {
  const shape = [length]
  const values = (seed: number) => numbers(shape, length + seed)
  const hyper = name === 'sgd' ? [0.1, 0.9, 0.01, 0.5] : [0.1, 0.9, 0.999, 1e-8, 0.01, 0.5, 3, 0]
  const copies = [{}, { w16: { shape, dtype: 'bf16' } }, { w16: { shape, dtype: 'f16' } }] as const
  return {
    w: { shape, dtype: 'f32', values: values(1) },
    ...(name === 'adam' ? { m: { shape, dtype: 'f32', values: values(2) } } : {}),
    v: { shape, dtype: 'f32', values: values(3).map(Math.abs) },
    ...copies[length % 3],
    g: { shape, dtype: 'f32', values: values(4) },
    hyper: { shape: [hyper.length], dtype: 'f32', values: hyper },
    ...(length % 4 ? {} : { ok: { shape: [1], dtype: 'i32', values: [length % 8 ? 1 : 0] } })
  }
}

t.test('updates are joined into few launches', needsDouble, async (t) => {
  await using device = await open('cuda')
  const stream = device.stream()
  const lengths = Array.from({ length: 100 }, (_, i) => (i < 90 ? i + 1 : 1000 * (i - 85) + i))
  for (const name of ['sgd', 'adam'] as const) {
    const eager = await Promise.all(
      lengths.map((length) => outcome(device, name, {}, update(name, length)))
    )
    const made: Awaited<ReturnType<typeof call>>[] = []
    for (const length of lengths) made.push(await call(stream, name, {}, update(name, length)))
    await stream.synchronize()
    const before = control.calls().get('cuLaunchKernel') ?? 0
    {
      using program = record([stream], () => {
        for (const { run } of made) run()
      })
      await program.run()
    }
    t.equal((control.calls().get('cuLaunchKernel') ?? 0) - before, 3, `${name}: 48 a launch`)
    t.same(await Promise.all(made.map(({ read }) => read())), eager, name)
    for (const { close } of made) close()
  }
  await stream.close()
  t.match(device.memory(), { live: 0, blocks: 0 })
})

// Each joined update reads what the one before it wrote.
t.test('updates of the same weights are not joined', needsDouble, async (t) => {
  await using device = await open('cuda')
  const stream = device.stream()
  const [twice, recorded] = [
    await call(stream, 'sgd', {}, update('sgd', 20)),
    await call(stream, 'sgd', {}, update('sgd', 20))
  ]
  twice.run()
  twice.run()
  using program = record([stream], () => {
    recorded.run()
    recorded.run()
  })
  await program.run()
  t.same(await recorded.read(), await twice.read())
  program.close()
  twice.close()
  recorded.close()
  await stream.close()
})
