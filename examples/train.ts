/**
 * Trains a small AlexNet on Fashion-MNIST for a few seconds, tests it, and saves its weights:
 *
 *     node --import tsx examples/train.ts [STEPS] [WEIGHTS]
 *
 * The images come from ALEXNODE_DATA, or are downloaded. `npm start` does the same with what a long run needs:
 * options, checkpoints, a log, validation.
 */
import {
  adam,
  evaluate,
  fashion,
  fashionMnist,
  open,
  saveWeights,
  schedules,
  train
} from 'alexnode'

const [, , steps = '200', out = 'fashion.safetensors'] = process.argv
const data = await fashionMnist()
await using device = await open('cpu')
const optimizer = adam({ beta1: 0.8, beta2: 0.98 })
await using net = await fashion().build(device, { batch: 16, optimizer })

const schedule = schedules.warmCosine({ steps: 20 })
const options = { optimizer, lr: 3e-4, schedule, steps: Number(steps) }
for await (const { step, loss } of train(net, data.train, options)) {
  if (step % 20 === 0) console.log(`step ${step}: loss ${loss.toFixed(3)}`)
}

const { loss, top1 } = await evaluate(net, data.test)
console.log(`test: loss ${loss.toFixed(3)}, top-1 ${(100 * top1).toFixed(1)} %`)
await saveWeights(net, out)
