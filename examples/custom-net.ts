/** Defines a small residual net and, run as a program, trains it on generated images in about a minute. */
import {
  add,
  avgPool,
  batchNorm,
  concat,
  conv2d,
  defineNet,
  dense,
  evaluate,
  flatten,
  maxPool,
  open,
  relu,
  schedules,
  shapes,
  train
} from 'alexnode'

// Each layer reads the one before it, or the layers that its `inputs` name.
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

/** Two residual blocks, with their numbers of filters. */
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

if (process.argv[1] === import.meta.filename) {
  const epochs = Number(process.argv[2] ?? 1)
  await using device = await open()
  await using net = await residualNet.build(device, { batch: 64 })
  const data = shapes({ train: 20_000, test: 2000 })
  const options = { epochs, lr: 0.05, momentum: 0.9, schedule: schedules.cosine() }
  for await (const { step, loss, top1 } of train(net, data.train, options)) {
    if (step % 20 === 0) console.log(`step ${step}: loss ${loss.toFixed(3)}, top-1 ${top1}`)
  }
  console.log(await evaluate(net, data.test))
}
