// Whole nets against PyTorch, step by step.
import t from 'tap'
import { open } from '../lib/engine/device.ts'
import { parity, parityNets } from './pytorch/parity.ts'
import { withoutPytorch } from './pytorch/run.ts'

for (const net of parityNets) {
  t.test(net, { skip: withoutPytorch ?? false }, async (t) => {
    await using device = await open('cpu', { threads: 2 })
    const names: string[] = []
    for await (const { name, error, bound } of parity(device, net)) {
      t.ok(error <= bound, `${name}: ${error.toExponential(1)} off, of ${bound}`)
      names.push(name)
    }
    t.ok(names.some((name) => name.includes('10 losses')))
    t.ok(names.some((name) => name.includes('conv1.weight')))
  })
}
