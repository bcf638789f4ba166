import type { InputShape, NetDefinition } from '../definition.ts'
import { alexnet } from './alexnet.ts'
import { fashion } from './fashion.ts'
import { torchvision } from './torchvision.ts'

const nets = { alexnet, torchvision, fashion } as const

export type NetName = keyof typeof nets
export const netNames = Object.keys(nets).sort()

function isNetName(name: string): name is NetName {
  return Object.hasOwn(nets, name)
}

/**
 * A net by name, for data with these channels and classes.
 * @throws Error for a name that is not one of `netNames`
 */
export function netByName(
  name: string,
  options: { readonly classes?: number; readonly channels?: number; readonly size?: number } = {}
): NetDefinition {
  if (!isNetName(name)) {
    throw new Error(`[net] there is no net '${name}': expected one of ${netNames.join(', ')}`)
  }
  const { classes, channels, size } = options
  const usual = nets[name]().input
  const input: InputShape = {
    channels: channels ?? usual.channels,
    height: size ?? usual.height,
    width: size ?? usual.width
  }
  return nets[name]({ input, ...(classes !== undefined && { classes }) })
}
