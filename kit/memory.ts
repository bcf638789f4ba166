/** 2,000 steps of a net must take no more memory than the first few hundred: on the device and on the host. */
import { shapes } from '../lib/data/shapes/shapes.ts'
import { open } from '../lib/engine/device.ts'
import { netByName } from '../lib/net/models/index.ts'
import { train } from '../lib/training/train.ts'
import { partArguments, say } from './arguments.ts'
import { thin } from './thin.ts'

const { device: where, brief, double } = partArguments()
const steps = double ? 30 : brief ? 200 : 2000
const batch = double ? 2 : 32
/** MiB that the host's memory may grow by: buffers of the allocator, compiled code. */
const GROWTH = 16

await using device = await open(where)
const named = netByName('alexnet', { classes: 10 })
const definition = double ? thin(named) : named
const name = `alexnet, batch ${batch}, ${steps} steps`
const taken: { live: number; blocks: number; rss: number }[] = []
{
  await using net = await definition.build(device, { batch, seed: 3 })
  const { train: set } = shapes({ channels: 3, size: 64, train: 4 * batch, test: 1, seed: 3 })
  for await (const { step } of train(net, set, { steps, lr: 1e-4, momentum: 0.9 })) {
    if (step % Math.max(1, steps / 10) !== 0) continue
    globalThis.gc?.()
    const { live, blocks } = device.memory()
    taken.push({ live, blocks, rss: process.memoryUsage.rss() })
  }
}
const [, , early] = taken
const late = taken.at(-1)
const mib = (bytes: number) => bytes / 2 ** 20
const figures = {
  device_mib: mib(late?.live ?? 0),
  device_growth: (late?.live ?? 0) - (early?.live ?? 0),
  host_growth_mib: mib((late?.rss ?? 0) - (early?.rss ?? 0))
}
const grown = figures.device_growth !== 0 || late?.blocks !== early?.blocks
const failed = grown
  ? `the device held ${early?.live} bytes in ${early?.blocks} blocks, then ${late?.live} in ${late?.blocks}`
  : figures.host_growth_mib > GROWTH && !double
    ? `the host's memory grew by ${figures.host_growth_mib.toFixed(0)} MiB`
    : undefined
say({ name, ...figures, ...(failed && { failed }) })
const after = device.memory().live
say({
  name: 'bytes on the device after closing',
  bytes: after,
  ...(after > 0 && { failed: 'leaked' })
})
