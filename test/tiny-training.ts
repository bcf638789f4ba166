/** A whole run of training, kept and resumed, on a net so small that it takes a second. */
import { setTimeout as sleep } from 'node:timers/promises'
import {
  batchNorm,
  conv2d,
  defineNet,
  dense,
  dropout,
  evaluate,
  flatten,
  maxPool,
  open,
  relu,
  shapes,
  train
} from 'alexnode'
import { openTraining, type TrainSettings } from 'alexnode/run'
import { program } from '../lib/cli/shared/program.ts'

const [out = '', ...flags] = process.argv.slice(2)

const definition = defineNet({
  name: 'tiny',
  input: { channels: 1, height: 16, width: 16 },
  layers: [
    conv2d({ filters: 8, size: 3, padding: 'same' }),
    relu(),
    batchNorm(),
    maxPool({ size: 3, stride: 2 }),
    flatten(),
    dense({ units: 32 }),
    relu(),
    dropout(),
    dense({ units: 10 })
  ]
})

const defaults: TrainSettings = {
  net: 'tiny',
  batch: 16,
  epochs: 4,
  seed: 7,
  optimizer: 'sgd',
  lr: 0.02,
  momentum: 0.9,
  beta2: 0.999,
  weightDecay: 0.001,
  dtype: 'f32',
  schedule: 'constant'
}

await program(async (signal) => {
  signal.addEventListener('abort', () => console.log('interrupted'))
  await using device = await open('cpu', { threads: 2 })
  await using run = await openTraining({
    out,
    resume: flags.includes('--resume'),
    settings: {},
    defaults,
    onNote: (text) => console.log(`note: ${text}`)
  })
  // 200 images: twelve batches of 16 and one of 8.
  const data = run.sameData(shapes({ size: 16, train: 200, test: 20 }))
  const { batch, epochs, seed, lr, momentum, weightDecay } = run.settings
  await using net = await definition.build(device, { batch, seed })
  const checkpoint = { every: 5, save: run.save }
  const options = { epochs, lr, momentum, weightDecay, signal, from: run.from, checkpoint }
  let made = 0
  for await (const step of train(net, data.train, options)) {
    await run.log(step)
    console.log(`step ${step.step} ${step.loss}`)
    // So that whoever kills it has the time to.
    if (flags.includes('--slowly')) await sleep(10)
    if (flags.includes('--stuck')) await sleep(60_000)
    if (flags.includes('--halfway') && ++made === 20) await sleep(60_000)
  }
  signal.throwIfAborted()
  await run.finish(net, await evaluate(net, data.test))
})
