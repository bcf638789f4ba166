// LRN and pooling with padding SAME on odd sizes, against what TensorFlow gave (test/judges/tensorflow_ops.py).
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { open } from '../lib/engine/device.ts'
import { elements, pack, type Shape, unpack } from '../lib/native/layout.ts'
import type { Fields } from '../lib/native/op-info.ts'
import { windowPadding } from '../lib/net/layers/window.ts'
import { farthest } from './judges/check.ts'
import { keptFolder } from './judges/kept.ts'

interface Lrn {
  readonly op: 'lrn'
  readonly radius: number
  readonly bias: number
  readonly alpha: number
  readonly beta: number
}

interface Pool {
  readonly op: 'max_pool' | 'avg_pool'
  readonly size: number
  readonly stride: number
  /** [N, H, W, C] */
  readonly to: readonly number[]
}

/** `shape` is [N, H, W, C], and y lies so, too. */
type Case = (Lrn | Pool) & { readonly shape: readonly number[]; readonly y: readonly number[] }

const { cases }: { readonly cases: readonly Case[] } = JSON.parse(
  readFileSync(join(keptFolder, 'tensorflow-ops.json'), 'utf8')
)

const device = await open('cpu', { threads: 1 })
const stream = device.stream()
t.teardown(() => device.close())

/** [N, H, W, C] as [N, C, H, W]. */
const turned = ([n = 0, h = 0, w = 0, c = 0]: readonly number[]): Shape => [n, c, h, w]

/** Runs an op on the input that test/judges/tensorflow_ops.py makes; gives y as [N, H, W, C]. */
async function run(op: string, fields: Fields, from: Shape, to: Shape): Promise<number[]> {
  const x = Float64Array.from({ length: elements(from) }, (_, i) => (((i * 37) % 129) - 64) / 64)
  // NHWC is the layout 'acdb' of [N, C, H, W].
  const planes = pack(unpack(x, from, 'acdb'), from, 'abcd')
  const specs = {
    y: { shape: to, dtype: 'f32', layout: 'abcd' },
    x: { shape: from, dtype: 'f32', layout: 'abcd' }
  } as const
  const prepared = await stream.prepare(op, fields, specs)
  using input = device.allocate(4 * elements(from))
  using output = device.allocate(4 * elements(to))
  using scratch = device.allocate(Math.max(64, prepared.scratch))
  const [xs, ys] = [input.tensor(specs.x), output.tensor(specs.y)]
  stream.write(xs, Float32Array.from(planes))
  const room = scratch.tensor({ shape: [scratch.bytes], dtype: 'u8' })
  stream.run(prepared, { y: ys, x: xs }, room)
  const values = await stream.read(ys)
  prepared.close()
  return [...pack(Float64Array.from(values, Number), to, 'acdb')]
}

for (const one of cases) {
  const { op, shape, y } = one
  const from = turned(shape)
  if (one.op === 'lrn') {
    const { radius, bias: k, alpha, beta } = one
    t.test(`lrn of radius ${radius} over [${shape}]`, async (t) => {
      const found = await run(op, { size: 2 * radius + 1, alpha, beta, k }, from, from)
      t.ok(farthest(found, y) < 1e-6, `${farthest(found, y)} off`)
    })
    continue
  }
  const { size, stride, to } = one
  t.test(`${op} of ${size} by ${stride} over [${shape}], SAME`, async (t) => {
    const [, , height = 0, width = 0] = from
    const kernel = [size, size] as const
    const steps = [stride, stride] as const
    const padding = windowPadding('same', [height, width], kernel, steps)
    // TensorFlow's mean is of the cells inside the image.
    const divisor = op === 'avg_pool' ? { include_padding: false } : {}
    const fields = { kernel, stride: steps, padding, ...divisor }
    const found = await run(op, fields, from, turned(to))
    t.ok(farthest(found, y) < 1e-6, `${farthest(found, y)} off`)
  })
}

t.ok(cases.length >= 60)
