/**
 * A Keras program for Fashion-MNIST, as introductions to AlexNet have it (docs/walkthrough.md):
 *
 *     node --import tsx examples/keras-fashion.ts [--epochs 20] [--batches 468] [--width 1] [--out FILE.h5]
 *
 * It trains by the recipe `keras-fashion`: the program draws 128 images with replacement and calls Keras's `fit` on
 * them, whose own batch size of 32 makes four updates of each. Every 20 batches it writes its weights, reads them
 * back, and tests them on 2,000 random images.
 */
import { parseArgs } from 'node:util'
import { evaluate, fashionMnist, netByName, open, train } from 'alexnode'
import { sample } from 'alexnode/data'
import { loadKerasWeights, recipeByName, recipeOptimizer, saveKerasWeights } from 'alexnode/run'

const { values } = parseArgs({
  options: {
    epochs: { type: 'string', default: '20' },
    batches: { type: 'string', default: '468' },
    width: { type: 'string', default: '1' },
    out: { type: 'string', default: 'alexnet_weights.h5' }
  }
})
const recipe = recipeByName('keras-fashion')
const { batch, input, sampling, rates } = recipe
const [fitted, tested] = [128, 2000]
const data = await fashionMnist()
await using device = await open('cpu')
const { name, options } = recipe.net
const definition = netByName(name, { ...options, width: Number(values.width) })
const optimizer = recipeOptimizer(recipe)
await using net = await definition.build(device, { batch, optimizer })

const batches = Number(values.epochs) * Number(values.batches)
const steps = (batches * fitted) / batch
const training = { optimizer, lr: rates.weight.rate, input, sampling, steps }
let shown = 0
for await (const { step, loss, top1 } of train(net, data.train, training)) {
  const done = (step * batch) / fitted
  if (done % 20 !== 0 && done !== batches) continue
  // The net is one step ahead of the step that was yielded: these are its weights of now.
  await saveKerasWeights(net, values.out)
  await loadKerasWeights(net, values.out)
  const count = Math.min(tested, data.test.length)
  const found = await evaluate(net, sample(data.test, count, ++shown), { input })
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`
  console.log(
    `batch ${done}/${batches}: loss ${loss.toFixed(3)}, top-1 ${percent(top1)}; ` +
      `test: loss ${found.loss.toFixed(3)}, top-1 ${percent(found.top1)}`
  )
}
