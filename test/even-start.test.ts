// The even start: any net with initial values that suit few classes, and nothing else changed.
import t from 'tap'
import { open } from '../lib/engine/device.ts'
import { netByName, netNames } from '../lib/net/models/index.ts'
import { evenStart } from '../lib/net/models/start.ts'
import { weights } from './courses.ts'

const deviation = (values: Float32Array) =>
  Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length)

t.test('the layers stay', async (t) => {
  await using device = await open('cpu', { threads: 1 })
  for (const name of netNames) {
    const own = netByName(name, { classes: 3 })
    const even = evenStart(own)
    t.match(even, { name: own.name, input: own.input, head: own.head })
    const [before, after] = [own, even].map((net) => net.draft(device, { batch: 2 }))
    t.strictSame((await after)?.layers, (await before)?.layers, name)
    await (await before)?.close()
    await (await after)?.close()
  }
})

t.test('weights are scaled by what comes in, and biases are 0', async (t) => {
  const options = { classes: 3, width: 1 / 8, size: 99 }
  await using device = await open('cpu', { threads: 1 })
  await using net = await evenStart(netByName('alexnet', options)).build(device, { batch: 2 })
  const values = await weights(net)
  const of = (name: string) => values.get(name)?.data ?? new Float32Array()
  for (const [name, fanIn, gain] of [
    ['conv1', 3 * 11 * 11, 1],
    ['conv2', 6 * 5 * 5, 1],
    ['conv3', 32 * 3 * 3, 2],
    ['fc6', 32 * 2 * 2, 1 / 3],
    ['fc7', 512, 1 / 3]
  ] as const) {
    const expected = Math.sqrt(gain / fanIn)
    const got = deviation(of(`${name}.weight`))
    t.ok(Math.abs(got / expected - 1) < 0.05, `${name}: ${got} for ${expected}`)
  }
  t.ok(Math.abs(deviation(of('fc8.weight')) / 0.01 - 1) < 0.1)
  for (const name of ['conv1', 'conv2', 'conv5', 'fc6', 'fc8'])
    t.equal(deviation(of(`${name}.bias`)), 0, name)
})
