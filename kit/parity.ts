/** The parity stages: each net beside PyTorch, on the CPU or on a GPU; prints a JSON object a check. */
import { open } from '../lib/engine/device.ts'
import { parity, parityNets } from '../test/pytorch/parity.ts'
import { withoutPytorch } from '../test/pytorch/run.ts'
import { partArguments, say } from './arguments.ts'
import { thin } from './thin.ts'

const { brief, device: where, double } = partArguments()

if (withoutPytorch) say({ name: 'parity with PyTorch', skipped: withoutPytorch })
else {
  await using device = await open(where)
  const instead = double ? { instead: thin } : {}
  for (const net of brief ? parityNets.slice(-1) : parityNets) {
    for (const dtype of device.kind === 'cuda' ? (['f32', 'bf16'] as const) : (['f32'] as const)) {
      try {
        device.requireDType(dtype)
        for await (const { name, error, bound } of parity(device, net, { dtype, ...instead })) {
          const failed = error <= bound ? {} : { failed: 'beyond its bound' }
          const what = dtype === 'f32' ? net : `${net} in ${dtype}`
          say({ name: `${what}, ${name}`, error, bound, ...failed })
        }
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error)
        say({ name: `${net}, ${dtype}`, failed: message.slice(0, 500) })
      }
    }
  }
}
