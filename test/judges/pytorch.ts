/** Whole nets in PyTorch: the comparisons of test/parity.test.ts, as checks of a judge. */
import { execFileSync } from 'node:child_process'
import type { Device } from '../../lib/engine/device.ts'
import { small } from '../pytorch/kept.ts'
import { parity, parityNets } from '../pytorch/parity.ts'
import { findPython } from '../pytorch/run.ts'
import type { Check } from './check.ts'

/**
 * Compares gradients of the first step and the losses of ten.
 * @param options brief: one net of three; keep: called with what PyTorch gave for all nets, and its version
 */
export async function* judgePytorch(
  device: Device,
  { brief = false, keep }: { brief?: boolean; keep?: (answer: object) => Promise<void> } = {}
): AsyncGenerator<Check> {
  const nets: Record<string, object> = {}
  for (const net of brief ? (['torchvision'] as const) : parityNets) {
    const onResult = (result: Parameters<typeof small>[0]) => {
      nets[net] = small(result)
    }
    for await (const check of parity(device, net, { onResult })) {
      yield { ...check, name: `PyTorch, ${net}, ${check.name}` }
    }
  }
  if (!keep || brief) return
  const version = ['-c', 'import torch; print(torch.__version__)']
  const torch = execFileSync(findPython() ?? '', version, { encoding: 'utf8' }).trim()
  await keep({ versions: { torch }, nets })
}
