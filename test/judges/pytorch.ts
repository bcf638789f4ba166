/** Whole nets in PyTorch: the comparisons of test/parity.test.ts, as checks of a judge. */
import type { Device } from '../../lib/engine/device.ts'
import { parity, parityNets } from '../pytorch/parity.ts'
import type { Check } from './check.ts'

/** Compares gradients of the first step and the losses of ten; `brief` takes one net of three. */
export async function* judgePytorch(device: Device, { brief = false } = {}): AsyncGenerator<Check> {
  for (const net of brief ? (['torchvision'] as const) : parityNets) {
    for await (const check of parity(device, net)) {
      yield { ...check, name: `PyTorch, ${net}, ${check.name}` }
    }
  }
}
