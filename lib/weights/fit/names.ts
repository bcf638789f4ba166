/** Names of parameters in the files of others. */
import type { ParameterPlace } from '../format.ts'

/** Names of layers in others' files, by the name of our net and of its layer. */
const layerNames: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  // torchvision/models/alexnet.py: places in `features` and `classifier`.
  torchvision: {
    conv1: 'features.0',
    conv2: 'features.3',
    conv3: 'features.6',
    conv4: 'features.8',
    conv5: 'features.10',
    fc6: 'classifier.1',
    fc7: 'classifier.4',
    fc8: 'classifier.6'
  }
}

/** PyTorch's names of what batch norm keeps. */
const batchNormNames: Readonly<Record<string, string>> = { scale: 'weight', shift: 'bias' }

/** The names that a parameter may have in a file, ours first. */
export function namesOf(net: string, { layer, role, kind }: ParameterPlace): readonly string[] {
  const known = Object.hasOwn(layerNames, net) ? layerNames[net]?.[layer] : undefined
  const layers = known === undefined ? [layer] : [layer, known]
  const roles = [role]
  if (kind === 'batch_norm' && Object.hasOwn(batchNormNames, role)) {
    roles.push(batchNormNames[role] ?? role)
  }
  return layers.flatMap((one) => roles.map((own) => `${one}.${own}`))
}

/** A counter of batches that PyTorch's batch norm keeps. */
export const isCounter = (name: string) => name.endsWith('num_batches_tracked')

/**
 * What all names begin with, up to a point: 'module.' of PyTorch's DataParallel, 'model.' of a wrapper. '' if names
 * differ from their begin on.
 */
export function commonPrefix(names: readonly string[]): string {
  const [first = '', ...others] = names
  const parts = first.split('.').slice(0, -1)
  let prefix = ''
  for (const part of parts) {
    const longer = `${prefix}${part}.`
    if (others.length === 0 || !others.every((name) => name.startsWith(longer))) break
    prefix = longer
  }
  return prefix
}
