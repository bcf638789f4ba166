/**
 * Trains the net `cifar` on CIFAR-10 in a few minutes on two cores, and keeps the run in a folder, which
 * `alexnode evaluate` and the other commands open:
 *
 *     node --import tsx examples/cifar10.ts FOLDER [--epochs 10] [--threads 2] [--out runs/cifar10]
 *
 * FOLDER holds CIFAR-10 as binary batches, or as images: train/CLASS/…, test/CLASS/….
 */
import { parseArgs } from 'node:util'
import { adam, chooseDevice, cifar, evaluate, open, openData, schedules, train } from 'alexnode'
import { openTraining, type TrainSettings } from 'alexnode/run'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    epochs: { type: 'string', default: '10' },
    threads: { type: 'string' },
    out: { type: 'string', default: 'runs/cifar10' }
  }
})
const [folder] = positionals
if (folder === undefined) throw new Error('Name a folder that holds CIFAR-10.')

// Training crops 28×28 of 32×32 at random places and mirrors half of the images; the test takes the centre.
const input = { fit: 'crop', flip: true } as const
const [batch, seed, lr, epochs] = [64, 1, 0.002, Number(values.epochs)]
const optimizer = adam({ beta1: 0.9, beta2: 0.99 })
const defaults: TrainSettings = {
  net: 'cifar',
  data: folder,
  dtype: 'f32',
  batch,
  epochs,
  optimizer: 'adam',
  lr,
  momentum: 0.9,
  beta2: 0.99,
  weightDecay: 0,
  schedule: 'warmCosine',
  seed,
  input
}
await using run = await openTraining({ out: values.out, settings: {}, defaults })
const data = run.sameData(await openData(folder))

// A GPU if one is ready, else the CPU.
const { name } = await chooseDevice()
await using device = await open(name, values.threads ? { threads: Number(values.threads) } : {})
const definition = cifar({ classes: data.classes.length })
await using net = await definition.build(device, { batch, seed, optimizer })

const schedule = schedules.warmCosine()
const checkpoint = { save: run.save }
const options = { optimizer, lr, schedule, epochs, input, seed, checkpoint }
for await (const step of train(net, data.train, options)) {
  await run.log(step)
  if (step.step % 50 === 0) {
    console.log(`step ${step.step}/${step.steps}: loss ${step.loss.toFixed(3)}`)
  }
}

const result = await evaluate(net, data.test, { input })
await run.finish(net, result)
const { top1, loss } = result
console.log(
  `test: loss ${loss.toFixed(3)}, top-1 ${(100 * top1).toFixed(1)} %; kept in ${run.folder}`
)
