/**
 * A process that trains with others, for tests: it prints as JSON which share of a step its device waited for them, its
 * seconds and the bytes of gradients. Its first argument says how rank 1 is slow: not at all, in the body of its loop, or
 * by its images. The next ones may be a net, its width and the batch.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ImageSet } from '../lib/data/dataset.ts'
import { joinGroup } from '../lib/group/group.ts'
import { open, shapes, train } from '../lib/index.ts'
import { netByName } from '../lib/net/models/index.ts'
import { waitingShare } from '../lib/run/waiting-share.ts'
import { median } from '../lib/util/median.ts'

/** Several times what a step takes. */
const LATE = 400
const [how = 'equal', name = 'tf-mnist', width = '1', batch = '32'] = process.argv.slice(2)

await using group = await joinGroup({ timeout: 60 })
await using device = await open('cpu', { threads: 1 })
const set = shapes({ train: 2 * Number(batch), test: 8 }).train
const slow: ImageSet = Object.create(set, {
  load: { value: undefined },
  read: {
    async value(...args: Parameters<ImageSet['read']>) {
      await sleep(LATE)
      await set.read(...args)
    }
  }
})
const size = name === 'tf-mnist' ? 28 : 67
const definition = netByName(name, { size, channels: 1, classes: 10, width: Number(width) })
await using net = await definition.build(device, { batch: Number(batch), group })
const late = group.rank === 1
const shares: number[] = []
const seconds: number[] = []
for await (const step of train(net, late && how === 'images' ? slow : set, {
  lr: 1e-4,
  steps: how === 'equal' ? 30 : 8
})) {
  if (step.step > 2) {
    shares.push(waitingShare(step) ?? Number.NaN)
    seconds.push(step.images / step.imagesPerSecond)
  }
  if (late && how === 'body') await sleep(LATE)
}
const { bytes } = net.parameters.gradients()
const told = { rank: group.rank, share: median(shares), seconds: median(seconds), bytes }
console.log(JSON.stringify(told))
