/** A process of a group that compares the memory it takes with the plan, for tests. Its argument is options of `build`. */
import { joinGroup } from '../lib/group/group.ts'
import { open, train } from '../lib/index.ts'
import { smallNet, smallSet } from './small-net.ts'

const options = JSON.parse(process.argv[2] ?? '{}')
await using group = await joinGroup()
await using device = await open('cpu', { threads: 1 })
const told = { plan: 0, built: 0, training: [] as number[] }
{
  await using net = await smallNet().build(device, { batch: 5, group, ...options })
  told.built = device.memory().live
  told.plan = net.plan.bytes
  for await (const _ of train(net, smallSet(50), { steps: 8, lr: 0.01 })) {
    told.training.push(device.memory().live)
  }
}
console.log(JSON.stringify({ ...told, left: device.memory().live }))
