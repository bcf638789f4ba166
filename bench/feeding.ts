/**
 * Whether training ever waits for its images: `fashion` by 128 in f32 on Fashion-MNIST (or what stands in for
 * it), resized to 224, mirrored by chance, and normalised. feeding.ts STEPS THREADS; prints one JSON object.
 */
import { openData } from '../lib/data/open.ts'
import { open } from '../lib/engine/device.ts'
import { fashion } from '../lib/net/models/fashion.ts'
import { train } from '../lib/training/train.ts'

const [steps, threads] = process.argv.slice(2).map(Number)
await using device = await open('cpu', { ...(threads && { threads }) })
const data = await openData()
const { height, width, channels, classes } = data.train
const definition = fashion({
  classes: classes.length,
  input: { channels, height: 224, width: 224 }
})
await using net = await definition.build(device, { batch: 128 })
const waited: number[] = []
const input = { fit: 'resize', flip: true } as const
for await (const step of train(net, data.train, { ...(steps && { steps }), lr: 0.01, input })) {
  waited.push(step.waited * 1000)
}
console.log(JSON.stringify({ data: `${height}×${width}`, waited_ms: waited }))
