/** Trains a small net and tells by how many bytes the process grows between two steps. */
import { open } from '../lib/engine/device.ts'
import { train } from '../lib/training/train.ts'
import { smallNet, smallSet } from './small-net.ts'

const [from = 100, steps = 500] = process.argv.slice(2).map(Number)

const rss = () => {
  globalThis.gc?.()
  return process.memoryUsage.rss()
}

await using device = await open('cpu', { threads: 2 })
await using net = await smallNet().build(device, { batch: 4 })
let before = 0
const options = { steps, lr: 0.001, momentum: 0.9, weightDecay: 1e-4 }
for await (const { step } of train(net, smallSet(32), options)) if (step === from) before = rss()
console.log(`grown ${rss() - before}`)
