/**
 * A process that trains with others, for tests: it prints as JSON which share of each step its device waited for them.
 * Its argument says how rank 1 is slow: not at all, in the body of its loop, or by its images.
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
const [how = 'equal'] = process.argv.slice(2)

await using group = await joinGroup({ timeout: 60 })
await using device = await open('cpu', { threads: 1 })
const set = shapes({ train: 64, test: 8 }).train
const slow: ImageSet = Object.create(set, {
  load: { value: undefined },
  read: {
    async value(...args: Parameters<ImageSet['read']>) {
      await sleep(LATE)
      await set.read(...args)
    }
  }
})
const definition = netByName('tf-mnist', { size: 28, channels: 1, classes: 10 })
await using net = await definition.build(device, { batch: 32, group })
const late = group.rank === 1
const shares: number[] = []
for await (const step of train(net, late && how === 'images' ? slow : set, {
  lr: 1e-4,
  steps: how === 'equal' ? 30 : 8
})) {
  if (step.step > 2) shares.push(waitingShare(step) ?? Number.NaN)
  if (late && how === 'body') await sleep(LATE)
}
console.log(JSON.stringify({ rank: group.rank, share: median(shares) }))
