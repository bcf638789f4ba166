import type { NetDefinition } from '../definition.ts'
import type { InputShape } from '../spec.ts'
import { alexnet } from './alexnet.ts'
import { caffe } from './caffe.ts'
import { chm145 } from './chm-145.ts'
import { cifar } from './cifar.ts'
import { convnet2 } from './convnet2.ts'
import { fashion } from './fashion.ts'
import type { TowerVariant } from './options.ts'
import { torchvision } from './torchvision.ts'

const nets = { alexnet, torchvision, fashion, 'chm-145': chm145, convnet2, caffe, cifar } as const

export type NetName = keyof typeof nets
export const netNames = Object.keys(nets).sort()

/** What named nets can be told, as plain data; a net heeds what it has. */
export interface NamedNetOptions extends Omit<TowerVariant, 'input'> {
  readonly norm?: 'lrn' | 'none'
  readonly scaleAt?: 'train' | 'test'
  /** Channels of an image. Default: the net's usual. */
  readonly channels?: number
  /** Height and width of the input. Default: the net's usual. */
  readonly size?: number
}

function isNetName(name: string): name is NetName {
  return Object.hasOwn(nets, name)
}

/**
 * A net by name, for data with these channels and classes.
 * @throws Error for a name that is not one of `netNames`
 */
export function netByName(name: string, options: NamedNetOptions = {}): NetDefinition {
  if (!isNetName(name)) {
    throw new Error(`[net] there is no net '${name}': expected one of ${netNames.join(', ')}`)
  }
  const { channels, size, ...variant } = options
  const usual = nets[name]().input
  const input: InputShape = {
    channels: channels ?? usual.channels,
    height: size ?? usual.height,
    width: size ?? usual.width
  }
  return nets[name]({ ...variant, input })
}
