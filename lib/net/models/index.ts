import type { NetDefinition } from '../definition.ts'
import type { InputShape } from '../spec.ts'
import { alexnet } from './alexnet.ts'
import { caffe } from './caffe.ts'
import { chm145 } from './chm-145.ts'
import { cifar } from './cifar.ts'
import { convnet2 } from './convnet2.ts'
import { fashion } from './fashion.ts'
import { kerasFashion } from './keras-fashion.ts'
import type { TowerVariant } from './options.ts'
import { tensorflowMnist } from './tensorflow-mnist.ts'
import { torchvision } from './torchvision.ts'

const nets = {
  alexnet,
  torchvision,
  fashion,
  'chm-145': chm145,
  convnet2,
  caffe,
  cifar,
  'keras-fashion': kerasFashion,
  'tf-mnist': tensorflowMnist
} as const

/** A model's name, as `netByName` takes it. */
export type NetName = keyof typeof nets

/** The names of all models, sorted. */
export const netNames = Object.keys(nets).sort()

/** Options of any model, as plain data. A model ignores those that it does not have. */
export interface NamedNetOptions extends Omit<TowerVariant, 'input'> {
  /** The norm layers. Default: the model's. */
  readonly norm?: 'lrn' | 'none'
  /** When dropout scales. Default: the model's. */
  readonly scaleAt?: 'train' | 'test'
  /** Channels of an image. Default: the model's. */
  readonly channels?: number
  /** Height and width of the input, in pixels. Default: the model's. */
  readonly size?: number
}

function isNetName(name: string): name is NetName {
  return Object.hasOwn(nets, name)
}

/**
 * A model by name, for images of these channels and classes.
 *
 * @throws Error for a name that is not in `netNames`, or a `width` that leaves no whole numbers of filters
 *
 * @example
 * const net = netByName('cifar', { channels: 1, classes: 10 })
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
