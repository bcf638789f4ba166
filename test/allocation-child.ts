// Trains a net in a process that counts allocations: see allocations.test.ts. Arguments: which net, batch, steps,
// the counter's file, and 'prepare' to prepare an op meanwhile, or 'updates' for all that an update may have. Prints
// the calls counted from step 3 to the last as JSON, with who made them.
import { openSync, readSync, writeSync } from 'node:fs'
import { shapes } from '../lib/data/shapes/shapes.ts'
import { joinGroup } from '../lib/group/group.ts'
import { alexnet, open, train } from '../lib/index.ts'
import { smallNet, smallSet } from './small-net.ts'

const [, , name, batch, steps, file = '', extra] = process.argv
const counter = openSync(file, 'r+')
const arm = (on: 0 | 1) => writeSync(counter, Uint8Array.of(on), 0, 1, 0)
const small = name === 'small'
const definition = small ? smallNet() : alexnet({ classes: 10 })
const options = { channels: 3, size: 227, train: 16 }
const set = small ? smallSet(64) : shapes(options).train

await using group = await joinGroup()
await using device = await open('cpu', { threads: 2 })
await using net = await definition.build(device, { batch: Number(batch), group })
// Full batches alone: another batch size is another build.
for await (const { step, steps: all } of train(net, set, {
  steps: Number(steps),
  lr: 0.01,
  momentum: 0.9,
  weightDecay: 1e-3,
  ...(extra === 'updates' && { labelSmoothing: 0.1, clipNorm: 1, ema: 0.9, accumulate: 2 })
})) {
  if (step === 3) arm(1)
  const like = { shape: [2, 3, 4, 5], dtype: 'f32' } as const
  if (step === 4 && extra === 'prepare') (await net.stream.prepare('relu', {}, { x: like })).close()
  if (step === all - 1) arm(0)
}
const bytes = new Uint8Array(32 * 1024 + 16)
readSync(counter, bytes, 0, bytes.length, 0)
const view = new DataView(bytes.buffer)
const calls = Number(view.getBigUint64(8, true))
const records = Array.from({ length: Math.min(calls, 32) }, (_, i) => {
  const at = 16 + i * 1024
  const text = new TextDecoder().decode(bytes.subarray(at + 8, at + 1024)).replace(/\0.*$/s, '')
  return `${view.getBigUint64(at, true)} bytes, ${text}`
})
console.log(JSON.stringify({ calls, records }))
