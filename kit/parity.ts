/** The parity stage: each net beside PyTorch on the CPU; prints a JSON object a check. */
import { open } from '../lib/device.ts'
import { parity, parityNets } from '../test/pytorch/parity.ts'
import { withoutPytorch } from '../test/pytorch/run.ts'

const brief = process.argv.includes('--brief')
const say = (object: object) => process.stdout.write(`${JSON.stringify(object)}\n`)

if (withoutPytorch) say({ name: 'parity with PyTorch', skipped: withoutPytorch })
else {
  await using device = await open('cpu')
  for (const net of brief ? parityNets.slice(-1) : parityNets) {
    for await (const { name, error, bound } of parity(device, net)) {
      const failed = error <= bound ? {} : { failed: 'beyond its bound' }
      say({ name: `${net}, ${name}`, error, bound, ...failed })
    }
  }
}
