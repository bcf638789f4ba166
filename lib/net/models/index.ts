import { checkArguments, checkOptions } from '../../util/check/check.ts'
import { anyText, maybe, oneOf, type Rules, record, whole } from '../../util/check/rules.ts'
import type { NetDefinition } from '../definition.ts'
import type { InputShape } from '../spec.ts'
import { alexnet, alexnetRules } from './alexnet.ts'
import { caffe, caffeRules } from './caffe.ts'
import { chm145, chm145Rules } from './chm-145.ts'
import { cifar } from './cifar.ts'
import { convnet2, convnet2Rules } from './convnet2.ts'
import { fashion } from './fashion.ts'
import { kerasFashion } from './keras-fashion.ts'
import { normRule, type TowerVariant, towerRules, variantRules } from './options.ts'
import { tensorflowMnist, tensorflowMnistRules } from './tensorflow-mnist.ts'
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

const { input: _, ...rules } = towerRules
const namedRules: Rules<NamedNetOptions> = {
  ...rules,
  norm: normRule,
  scaleAt: maybe(oneOf('train', 'test')),
  channels: maybe(whole({ from: 1 })),
  size: maybe(whole({ from: 1 }))
}

/** Options that a model has. */
const own: Partial<Record<NetName, object>> = {
  alexnet: alexnetRules,
  'chm-145': chm145Rules,
  convnet2: convnet2Rules,
  caffe: caffeRules,
  'tf-mnist': tensorflowMnistRules
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
  checkArguments('net', { name: [name, anyText] })
  checkOptions('net', options, record<NamedNetOptions>(namedRules))
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
  const known = own[name] ?? variantRules
  const kept = Object.entries(variant).filter(([option]) => Object.hasOwn(known, option))
  return nets[name]({ ...Object.fromEntries(kept), input })
}
