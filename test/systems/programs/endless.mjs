// Trains until somebody ends it, and tells each step that is done.
import { parentPort } from 'node:worker_threads'
import { alexnet, open, shapes, train } from 'alexnode'

const device = await open('cpu', { threads: 1 })
const input = { channels: 1, height: 96, width: 96 }
const net = await alexnet({ classes: 10, input }).build(device, { batch: 64 })
const data = shapes({ train: 64, test: 8, size: 96 })
for await (const { step } of train(net, data.train, { steps: 1e9, lr: 1e-4 }))
  parentPort.postMessage(step)
