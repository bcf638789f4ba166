// Trains a small net for two steps and prints their losses, as a user's program would.
import { conv2d, defineNet, dense, flatten, maxPool, open, relu, shapes, train } from 'alexnode'
import { subset } from 'alexnode/data'

const definition = defineNet({
  name: 'small',
  input: { channels: 1, height: 28, width: 28 },
  layers: [
    conv2d({ filters: 4, size: 5 }),
    relu(),
    maxPool({ size: 2, stride: 2 }),
    flatten(),
    dense({ units: 10 })
  ]
})
const device = await open('cpu', { threads: 1 })
const net = await definition.build(device, { batch: 16, seed: 3 })
const losses = []
const data = shapes({ train: 96, test: 8, size: 28 })
const some = subset(data.train, Uint32Array.from(Array(64).keys()))
for await (const { loss } of train(net, some, { steps: 2, lr: 0.05 })) losses.push(loss)
await device.close()
console.log(JSON.stringify({ losses }))
