// Filters that stay as they are, which a CPU keeps as Winograd's method multiplies by them.
import t from 'tap'
import { open } from '../lib/engine/device.ts'
import type { Tensor } from '../lib/engine/memory.ts'
import {
  denseLayout,
  elements,
  holdsElements,
  pack,
  type Shape,
  unpack
} from '../lib/native/layout.ts'
import { defineNet } from '../lib/net/definition.ts'
import { conv2d } from '../lib/net/layers/conv2d.ts'
import { dense } from '../lib/net/layers/dense.ts'
import { flatten } from '../lib/net/layers/flatten.ts'
import { maxPool } from '../lib/net/layers/pool.ts'
import type { Net } from '../lib/net/net.ts'
import { compare } from '../lib/selftest/compare.ts'
import { conv2d as reference } from '../lib/selftest/reference/convolution.ts'
import { evaluate } from '../lib/training/evaluate/evaluate.ts'
import { run as steps, weights } from './courses.ts'
import { smallSet } from './small-net.ts'

const device = await open('cpu', { threads: 2 })
const stream = device.stream()
t.teardown(async () => {
  stream.close()
  await device.close()
})

/** Numbers from -1 to 1. */
function numbers(length: number, seed: number): Float32Array {
  let state = seed
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 31 - 1
  })
}

async function run(name: string, fields: object, tensors: Readonly<Record<string, Tensor>>) {
  const op = await stream.prepare(name, { ...fields }, tensors)
  using scratch = device.allocate(op.scratch)
  stream.run(op, tensors, scratch.tensor({ shape: [op.scratch], dtype: 'u8' }))
  await stream.synchronize()
  op.close()
}

/** [layout of the filters, shape of x, shape of w, fields] */
const convolutions: readonly [RegExp, Shape, Shape, object][] = [
  [/^winograd\dx3s1p/, [1, 48, 13, 13], [64, 48, 3, 3], { padding: [1, 1, 1, 1], relu: true }],
  [/^winograd\dx3s1p/, [3, 32, 13, 12], [2, 24, 16, 3, 3], { padding: [1, 0, 1, 2], groups: 2 }],
  [/^winograd4x5s1p/, [1, 16, 27, 27], [48, 16, 5, 5], { padding: [2, 2, 2, 2] }],
  [/^winograd\dx3s4p/, [2, 3, 67, 67], [16, 3, 11, 11], { stride: [4, 4], relu: true }],
  [/^winograd\dx3s2p/, [1, 4, 33, 35], [24, 4, 5, 5], { stride: [2, 2], padding: [2, 1, 0, 2] }]
]

for (const [layout, x, w, fields] of convolutions) {
  t.test(`[${x}] by [${w}], transformed once`, async (t) => {
    const image = { shape: x, dtype: 'f32' } as const
    const filters = { shape: w, dtype: 'f32' } as const
    const op = await stream.prepare('conv2d', { ...fields, frozen: true }, { x: image, w: filters })
    t.teardown(() => op.close())
    const { x: seen, w: kept, y } = op.slots
    if (!seen || !kept || !y) throw new Error('a slot is missing')
    t.match(kept.layout, layout)
    t.notOk(holdsElements(kept.layout))
    const [pixels, weights] = [numbers(elements(x), 1), numbers(elements(w), 2)]
    const place = ({ shape, layout, bytes }: { shape: Shape; layout: string; bytes: number }) => {
      const buffer = device.allocate(bytes)
      t.teardown(() => buffer.close())
      return buffer.tensor({ shape, dtype: 'f32', layout, bytes })
    }
    const dense = { shape: w, layout: denseLayout(w.length), bytes: elements(w) * 4 }
    const tensors = { x: place(seen), w: place(kept), y: place(y), dense: place(dense) }
    stream.write(tensors.x, Float32Array.from(pack(pixels, x, seen.layout)))
    stream.write(tensors.dense, weights)
    await run('reorder', {}, { y: tensors.w, x: tensors.dense })
    await run('conv2d', fields, { y: tensors.y, x: tensors.x, w: tensors.w })
    const found = unpack((await stream.read(tensors.y)) as Float32Array, y.shape, y.layout)
    const given = {
      x: { shape: x, data: Float64Array.from(pixels) },
      w: { shape: w, data: Float64Array.from(weights) }
    }
    const { y: expected } = reference({ ...fields }, given, { y: y.shape })
    if (!expected) throw new Error('no y')
    const most = Math.max(...expected.data.map(Math.abs))
    const { error, count } = compare({ shape: y.shape, data: found }, expected, {
      absolute: 2e-5 * most,
      relative: 0
    })
    t.equal(count, 0, `${error} off, of ${most}`)
    await t.rejects(
      run('reorder', {}, { y: tensors.dense, x: tensors.w }),
      /expected a layout of \d dims such as/
    )
    await t.rejects(
      stream.prepare(
        'conv2d',
        { ...fields },
        { x: image, w: { ...filters, layout: 'winograd4x3s1p7' } }
      ),
      /does not know the layout 'winograd4x3s1p7'; reorder it first/
    )
  })
}

t.test('filters that change, or that Winograd may not see, keep their elements', async (t) => {
  const specs = {
    x: { shape: [4, 48, 13, 13], dtype: 'f32' },
    w: { shape: [64, 48, 3, 3], dtype: 'f32' }
  } as const
  for (const fields of [{}, { frozen: true, winograd: false }]) {
    const op = await stream.prepare('conv2d', fields, specs)
    t.ok(holdsElements(op.slots.w?.layout ?? 'winograd'), `${op.slots.w?.layout}`)
    op.close()
  }
})

t.test(
  'nothing but a convolution takes such filters, and nothing but numbers makes them',
  async (t) => {
    const layout = 'winograd4x3s1p7'
    const [shape, y] = [
      [64, 48, 3, 3],
      [4, 64, 13, 13]
    ]
    const kept = { shape, dtype: 'f32', layout } as const
    const x = { shape: [4, 48, 13, 13], dtype: 'f32' } as const
    const fields = { padding: [1, 1, 1, 1] }
    const dy = { shape: y, dtype: 'f32' } as const
    const calls = [
      ['conv2d_backward_data', fields, { dx: x, dy, w: kept }],
      ['conv2d_backward_weights', fields, { dw: kept, x, dy }],
      ['relu', {}, { y: kept, x: kept }],
      // The same bytes are not as many numbers.
      ['reorder', {}, { y: kept, x: { ...kept, dtype: 'bf16' } }]
    ] as const
    for (const [name, fields, specs] of calls) {
      await t.rejects(
        stream.prepare(name, fields, specs),
        /expected a layout of 4 dims such as 'abcd', got 'winograd4x3s1p7'/,
        name
      )
    }
    const w = { shape, dtype: 'f32' } as const
    const op = await stream.prepare('conv2d', { ...fields, frozen: true }, { x, w })
    op.close()
    const from = { shape, dtype: 'u8', layout: denseLayout(4) } as const
    await t.rejects(
      stream.prepare('reorder', {}, { y: { ...w, layout: op.slots.w?.layout ?? '' }, x: from }),
      /expected a layout of 4 dims such as 'abcd', got 'winograd/
    )
  }
)

/** With a convolution that devices share by groups, and one by filters. */
const convolutional = defineNet({
  name: 'convolutional',
  input: { channels: 1, height: 28, width: 28 },
  layers: [
    conv2d({ name: 'conv1', filters: 16, size: 3, stride: 2, padding: 'same', relu: true }),
    conv2d({ name: 'conv2', filters: 32, size: 3, padding: 'same', groups: 2, relu: true }),
    conv2d({ name: 'conv3', filters: 16, size: 5, padding: 'same', relu: true }),
    maxPool({ size: 2 }),
    flatten(),
    dense({ name: 'fc', units: 10 })
  ]
})

for (const names of [['cpu'], ['cpu:0', 'cpu:1']]) {
  t.test(`what builds keep transformed on ${names} is of the weights as they are`, async (t) => {
    const devices = await Promise.all(names.map((name) => open(name, { threads: 1 })))
    t.teardown(() => Promise.all(devices.map((device) => device.close())))
    const build = () => convolutional.build(devices, { batch: 4, seed: 7 })
    const set = smallSet(14)
    const judge = async (net: Net) => {
      const { imagesPerSecond: _, ...found } = await evaluate(net, set)
      return found
    }
    await using net = await build()
    for (const batch of [4, 2]) {
      const { draft } = await net.at({ batch, training: false })
      for (const { packed } of draft.tapes) {
        const layouts = packed.map(({ layout = '' }) => layout)
        t.notOk(layouts.every(holdsElements), `${layouts}`)
      }
    }
    const start = await weights(net)
    const before = await judge(net)
    // Validations in between show the average of the weights.
    await steps(net, set, { steps: 4, ema: 0.5, validation: { set, every: 2 } })
    const after = await judge(net)
    t.not(after.loss, before.loss)
    await using other = await build()
    await judge(other)
    await other.parameters.import(other.stream, await weights(net))
    t.same(await judge(other), after)
    await net.parameters.import(net.stream, start)
    t.same(await judge(net), before)
  })
}
