/**
 * A process of a group whose GPUs sum and send tensors, for tests. It prints a JSON line: what it got, or the error. Its
 * arguments are what to do, and seconds for a collective.
 */
import { open } from '../lib/engine/device.ts'
import { record } from '../lib/engine/program.ts'
import { joinGroup } from '../lib/group/group.ts'

const [what = 'sum', timeout = '20'] = process.argv.slice(2)
const say = (object: object) => console.log(JSON.stringify(object))
const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))
/** More than one piece of the double's. */
const COUNT = 100_003

try {
  await using group = await joinGroup({ timeout: Number(timeout) })
  await using device = await open(`cuda:${group.rank}`)
  const [number = 0] = await group.connect([device])
  const [again] = await group.connect([device])
  const stream = device.stream()
  const sums: Record<string, number[]> = {}
  for (const dtype of ['f32', 'bf16'] as const) {
    const spec = { shape: [COUNT], dtype } as const
    const x = device.allocate(COUNT * 4).tensor(spec)
    const fields = { group: number, tag: 0 }
    const fill = await stream.prepare('fill', { value: group.rank + 1 }, { y: spec })
    const reduce = await stream.prepare('all_reduce', fields, { x: spec })
    const send = await stream.prepare('broadcast', { ...fields, root: 1 }, { x: spec })
    if (what === 'late' && group.rank === 1) {
      // Its own event loop lives, but its GPU does not come.
      await new Promise((resolve) => setTimeout(resolve, Number(timeout) * 2000))
    }
    const once = () => {
      stream.run(fill, { y: x })
      stream.run(reduce, { x })
    }
    once()
    const eager = await stream.read(x)
    const program = record([stream], once)
    await program.run()
    await program.run()
    const recorded = await stream.read(x)
    stream.run(fill, { y: x })
    stream.run(send, { x })
    const sent = await stream.read(x)
    sums[dtype] = [eager, recorded, sent].flatMap((all) => [Number(all[0]), Number(all.at(-1))])
    program.close()
  }
  say({ same: again === number, sums })
} catch (error) {
  say({ error: messageOf(error) })
  process.exitCode = 1
}
