// An infinity and a NaN are seen after normalisation and max pooling: neither may hide behind a number.
import t from 'tap'
import { open } from '../lib/engine/device.ts'
import type { Tensor } from '../lib/engine/memory.ts'
import { elements, layoutElements, pack, type Shape, unpack } from '../lib/native/layout.ts'
import type { Fields } from '../lib/native/op-info.ts'

const device = await open('cpu', { threads: 1 })
const stream = device.stream()
t.teardown(async () => {
  stream.close()
  await device.close()
})

const shape: Shape = [2, 16, 6, 6]
/** Channel 3 of the second image, row 3, column 4. */
const at = ((16 + 3) * 6 + 3) * 6 + 4

/** y of x. */
async function run(name: string, fields: Fields, x: Tensor): Promise<[Shape, Tensor]> {
  const op = await stream.prepare(name, fields, { x, y: { dtype: 'f32' } })
  const { y } = op.slots
  if (!y) throw new Error('y is missing')
  const { layout, bytes } = y
  const out = device.allocate(bytes).tensor({ shape: y.shape, dtype: 'f32', layout, bytes })
  using scratch = device.allocate(op.scratch)
  stream.run(op, { x, y: out }, scratch.tensor({ shape: [op.scratch], dtype: 'u8' }))
  await stream.synchronize()
  op.close()
  return [y.shape, out]
}

const values = async (shape: Shape, tensor: Tensor) =>
  unpack((await stream.read(tensor)) as Float32Array, shape, tensor.layout)

for (const layout of ['abcd', 'acdb', 'aBcd8b', 'aBcd16b']) {
  for (const spoilt of [Infinity, Number.NaN]) {
    t.test(`${spoilt} in ${layout}`, async (t) => {
      const numbers = Float32Array.from({ length: elements(shape) }, (_, i) => (i % 7) - 2)
      numbers[at] = spoilt
      const bytes = layoutElements(shape, layout) * 4
      const x = device.allocate(bytes).tensor({ shape, dtype: 'f32', layout, bytes })
      stream.write(x, Float32Array.from(pack(numbers, shape, layout)))
      for (const size of [5, 3]) {
        const [, normal] = await run('lrn', { size }, x)
        const y = await values(shape, normal)
        t.notOk(Number.isFinite(y[at]), `lrn over ${size}: ${y[at]}`)
        const pool = { kernel: [3, 3], stride: [1, 1] }
        const [small, pooled] = await run('max_pool', pool, normal)
        const seen = await values(small, pooled)
        // The window of rows 2 to 4 and columns 2 to 4.
        const window = ((16 + 3) * 4 + 2) * 4 + 2
        t.notOk(Number.isFinite(seen[window]), `pooled after lrn over ${size}: ${seen[window]}`)
      }
    })
  }
}
