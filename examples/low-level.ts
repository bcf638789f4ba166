/** Below the nets: a convolution forward and backward by hand, run op by op, then recorded and replayed. */

import { open } from 'alexnode'
import { type Op, record, type Tensor } from 'alexnode/engine'

await using device = await open('cpu')
const stream = device.stream()

// 16 images of 8 channels, 32×32; 16 filters of 3×3; zero padding of one pixel.
const images = { shape: [16, 8, 32, 32], dtype: 'f32', layout: 'abcd' } as const
const filters = { shape: [16, 8, 3, 3], dtype: 'f32', layout: 'abcd' } as const
const maps = { shape: [16, 16, 32, 32], dtype: 'f32', layout: 'abcd' } as const
const fields = { padding: [1, 1, 1, 1] }

// `prepare` chooses an implementation; it allocates no tensors.
const forward = await stream.prepare('conv2d', fields, { y: maps, x: images, w: filters })
const toWeights = await stream.prepare('conv2d_backward_weights', fields, {
  dw: filters,
  x: images,
  dy: maps
})
const toData = await stream.prepare('conv2d_backward_data', fields, {
  dx: images,
  dy: maps,
  w: filters
})

// Memory is allocated by hand: a buffer for each tensor, and one of scratch that the ops share.
const tensor = (spec: { readonly shape: readonly number[]; readonly dtype: 'f32' }): Tensor => {
  const bytes = 4 * spec.shape.reduce((product, dim) => product * dim, 1)
  return device.allocate(bytes).tensor(spec)
}
const [x, w, y] = [tensor(images), tensor(filters), tensor(maps)]
const [dx, dw, dy] = [tensor(images), tensor(filters), tensor(maps)]
const bytes = Math.max(64, forward.scratch, toWeights.scratch, toData.scratch)
const scratch = device.allocate(bytes).tensor({ shape: [bytes], dtype: 'u8' })

const fillWithNoise = (to: Tensor) => {
  stream.write(to, new Float32Array(to.bytes / 4).map(Math.random))
}
for (const input of [x, w, dy]) fillWithNoise(input)

// Calls are queued and run in order on the stream's own thread; JavaScript does not wait.
const step = () => {
  stream.run(forward, { y, x, w }, scratch)
  stream.run(toWeights, { dw, x, dy }, scratch)
  stream.run(toData, { dx, dy, w }, scratch)
}
step()
const eager = await stream.read(dw)

// The same calls as a program: one native call repeats them on what the tensors hold by then.
using program = record([stream], step)
await program.run()
const replayed = await stream.read(dw)
console.log(
  'the same:',
  eager.every((value, i) => value === replayed[i])
)

const times = await program.profile()
const names = [forward, toWeights, toData].map((op: Op) => `${op.name} (${op.implementation})`)
for (const [i, name] of names.entries()) console.log(`${name}: ${times[i]?.toFixed(3)} ms`)
console.log('allocated bytes:', device.memory().live)
