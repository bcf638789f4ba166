/**
 * One of the processes that bench/ranks.ts times: trains a net on a generated batch, joined as its environment says.
 * Prints JSON: images per second of all ranks, by the median step, and the seconds that the sum of all gradients takes
 * alone.
 *
 *   node --import tsx bench/rank.ts NET BATCH THREADS STEPS
 */
import { joinGroup } from '../lib/group/group.ts'
import { open, train } from '../lib/index.ts'
import { netByName } from '../lib/net/models/index.ts'
import type { Net } from '../lib/net/net.ts'
import { generated } from '../lib/training/bench/generated.ts'

const WARM = 3
const [name = 'alexnet', batch = '128', threads = '1', steps = '10'] = process.argv.slice(2)

await using group = await joinGroup()
await using device = await open('cpu', { threads: Number(threads) })
const definition = netByName(name, { classes: 1000 })
await using net = await definition.build(device, { batch: Number(batch), group })
const set = generated(definition.input, 1000, Number(batch))
const options = { lr: 1e-4, momentum: 0.9, weightDecay: 5e-4, steps: WARM + Number(steps) }
const paces: number[] = []
for await (const { step, imagesPerSecond } of train(net, set, options)) {
  if (step > WARM) paces.push(imagesPerSecond)
}
const sum = group.size > 1 ? await secondsOfSum(net, group.number) : 0
const { bytes } = net.parameters.gradients()
console.log(JSON.stringify({ rank: group.rank, imagesPerSecond: median(paces), sum, bytes }))

/** The fastest of three. */
async function secondsOfSum({ stream, parameters }: Net, number: number): Promise<number> {
  const x = parameters.gradients()
  const op = await stream.prepare('all_reduce', { group: number, tag: 2 ** 23 }, { x })
  const times: number[] = []
  for (let i = 0; i < 3; i++) {
    await stream.synchronize()
    const start = performance.now()
    stream.run(op, { x })
    await stream.synchronize()
    times.push((performance.now() - start) / 1000)
  }
  op.close()
  return Math.min(...times)
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
