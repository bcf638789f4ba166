import { NetDefinition } from '../definition.ts'
import { conv2d } from '../layers/conv2d.ts'
import { dense } from '../layers/dense.ts'
import { dropout } from '../layers/dropout.ts'
import { flatten } from '../layers/flatten.ts'
import { type NetVariant, partsOf } from './options.ts'
import { atWidth } from './width.ts'

const start = { init: 'pytorch', biasInit: 'pytorch' } as const

/**
 * torchvision's `alexnet`: 64-192-384-256-256 filters, no groups, no LRN, input 3×224×224, PyTorch's
 * default initialisation. 61,100,840 parameters. Krizhevsky 2014, "One weird trick", figure 1, one column.
 */
export function torchvision(options: NetVariant = {}): NetDefinition {
  const {
    classes = 1000,
    input = { channels: 3, height: 224, width: 224 },
    dropout: rate = 0.5,
    width = 1
  } = options
  const of = atWidth(width)
  const { pool, activation, padding2: padding } = partsOf(options)
  return new NetDefinition({
    name: 'torchvision',
    input,
    layers: [
      conv2d({ name: 'conv1', filters: of(64), size: 11, stride: 4, padding: 2, ...start }),
      activation(),
      pool('pool1'),
      conv2d({ name: 'conv2', filters: of(192), size: 5, padding, ...start }),
      activation(),
      pool('pool2'),
      conv2d({ name: 'conv3', filters: of(384), size: 3, padding: 1, ...start }),
      activation(),
      conv2d({ name: 'conv4', filters: of(256), size: 3, padding: 1, ...start }),
      activation(),
      conv2d({ name: 'conv5', filters: of(256), size: 3, padding: 1, ...start }),
      activation(),
      pool('pool5'),
      flatten(),
      dropout({ name: 'drop6', rate }),
      dense({ name: 'fc6', units: of(4096), ...start }),
      activation(),
      dropout({ name: 'drop7', rate }),
      dense({ name: 'fc7', units: of(4096), ...start }),
      activation(),
      dense({ name: 'fc8', units: classes, ...start })
    ]
  })
}
