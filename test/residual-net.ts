import {
  add,
  avgPool,
  batchNorm,
  concat,
  conv2d,
  defineNet,
  dense,
  flatten,
  maxPool,
  relu
} from '../lib/index.ts'

const convolution = (filters: number, name: string) => [
  conv2d({ filters, size: 3, padding: 'same', bias: false }),
  batchNorm({ name })
]
const residual = (name: string, filters: number, from: string) => [
  ...convolution(filters, `${name}.a`),
  relu(),
  ...convolution(filters, `${name}.b`),
  add({ inputs: [`${name}.b`, from] }),
  relu({ name })
]

/** The net of examples/custom-net.ts, which trains it as soon as it is imported. */
export const residualNet = defineNet({
  name: 'residual',
  input: { channels: 1, height: 28, width: 28 },
  layers: [
    ...convolution(16, 'start'),
    relu({ name: 'stem' }),
    ...residual('block1', 16, 'stem'),
    maxPool({ name: 'most', size: 2, stride: 2 }),
    avgPool({ name: 'mean', inputs: ['block1'], size: 2, stride: 2 }),
    concat({ name: 'both', inputs: ['most', 'mean'] }),
    ...residual('block2', 32, 'both'),
    avgPool({ size: 2, stride: 2 }),
    flatten(),
    dense({ units: 10 })
  ]
})
