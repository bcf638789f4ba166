// Images one pixel high or wide, whose layouts have several names.
import t from 'tap'
import { open } from '../lib/engine/device.ts'
import { avgPool, batchNorm, conv2d, dense, flatten, lrn, maxPool } from '../lib/index.ts'
import { defineNet } from '../lib/net/definition.ts'

const device = await open('cpu', { threads: 2 })
t.teardown(() => device.close())

const after = {
  'batch norm': () => batchNorm(),
  lrn: () => lrn(),
  'max pooling': () => maxPool({ size: 1 }),
  'average pooling': () => avgPool({ size: 1 })
}

for (const [name, layer] of Object.entries(after)) {
  for (const [height, width] of [
    [1, 12],
    [12, 1]
  ] as const) {
    t.test(`${name} after groups of 24 channels, ${height}×${width}`, async (t) => {
      const definition = defineNet({
        name: 'narrow',
        input: { channels: 40, height, width },
        layers: [
          conv2d({ filters: 48, size: 3, padding: 1, groups: 2 }),
          layer(),
          flatten(),
          dense({ units: 3 })
        ]
      })
      for (const training of [true, false]) {
        await using net = await definition.build(device, { batch: 4, training })
        t.equal(net.classes, 3)
      }
    })
  }
}
