/**
 * A process that trains a net with others, for tests. It prints a JSON line: its losses, the hash of its weights, and
 * what it made of a test set. Its arguments are a named net, or custom-net, and, as JSON, what differs from the usual;
 * `gpu` is a GPU's name, with ? for the rank.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { residualNet } from '../examples/custom-net.ts'
import { joinGroup } from '../lib/group/group.ts'
import { evaluate, open, shapes, train } from '../lib/index.ts'
import { netByName } from '../lib/net/models/index.ts'

const [name = 'alexnet', json = '{}'] = process.argv.slice(2)
const { accumulate = 1, batch = 12, steps = 10, lr = 0.01, ...rest } = JSON.parse(json)
const {
  exitAt,
  go,
  size = 67,
  width = 1,
  gradientDtype,
  syncBatchNorm,
  winograd,
  timeout = 30,
  gpu
} = rest

await using group = await joinGroup({ timeout })
await using device = await open(gpu ? gpu.replace('?', `${group.rank}`) : 'cpu', {
  threads: 1
})
if (go) {
  console.log(JSON.stringify({ opened: true }))
  while (!existsSync(go)) await sleep(5)
}
const data = shapes({ train: 100, test: 50 })
const definition =
  name === 'custom-net' ? residualNet : netByName(name, { size, channels: 1, classes: 10, width })
const how = { gradientDtype, syncBatchNorm, winograd }
await using net = await definition.build(device, { batch, group, accumulate, ...how })
const losses: number[] = []
const options = { lr, momentum: 0.9, weightDecay: 0.0005, steps, accumulate, clipNorm: 1 }
for await (const { loss } of train(net, data.train, options)) {
  if (losses.push(loss) === 1 && steps > 1000) console.log(JSON.stringify({ training: true }))
  if (exitAt === losses.length) process.exit(7)
}
const hash = createHash('sha256')
const statistics: number[] = []
for (const [name, { data }] of await net.parameters.export(net.stream)) {
  if (name.includes('running_')) statistics.push(...data)
  hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
}
const rows: number[] = []
const { loss, top1, images } = await evaluate(net, data.test, {
  batch: 8,
  onBatch: ({ labels, probabilities }) => rows.push(labels.length, probabilities.length)
})
const told = { rank: group.rank, losses, hash: hash.digest('hex'), loss, top1, images, rows }
console.log(JSON.stringify({ ...told, statistics }))
