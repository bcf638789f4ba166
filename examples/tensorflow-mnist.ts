/**
 * A TensorFlow program for MNIST, as introductions to AlexNet have it (docs/walkthrough.md):
 *
 *     node --import tsx examples/tensorflow-mnist.ts [--data mnist] [--images 200000] [--width 1]
 *
 * It trains by the recipe `tf-mnist`: Adam at .001, batches of 64, 200,000 images in all, and the first 5,000 training
 * images left out. Every 20 steps it tells loss and accuracy of the batch without dropout, and at the end the accuracy
 * on the first 256 test images. --data takes any set of the MNIST family.
 */
import { parseArgs } from 'node:util'
import { evaluate, type ImageSet, netByName, open, openData, train } from 'alexnode'
import { recipeByName, recipeData, recipeOptimizer } from 'alexnode/run'

const { values } = parseArgs({
  options: {
    data: { type: 'string', default: 'mnist' },
    images: { type: 'string', default: '200000' },
    width: { type: 'string', default: '1' }
  }
})
const recipe = recipeByName('tf-mnist')
const { batch, input, sampling, rates } = recipe
const data = recipeData(recipe, await openData(values.data))
const [classes, width] = [data.classes.length, Number(values.width)]

await using device = await open('cpu')
const definition = netByName(recipe.net.name, { ...recipe.net.options, classes, width })
const optimizer = recipeOptimizer(recipe)
await using net = await definition.build(device, { batch, optimizer })

/** The numbers of the images that were read last: those of the last step. */
let last = new Uint32Array()
const facts = { ...data.train }
const images: ImageSet = {
  ...facts,
  read(indices, bytes, labels) {
    last = indices.slice()
    return data.train.read(indices, bytes, labels)
  }
}
const lastBatch: ImageSet = {
  ...facts,
  length: batch,
  read: (indices, bytes, labels) =>
    data.train.read(
      indices.map((i) => last[i] ?? 0),
      bytes,
      labels
    )
}
const every = 20
const validation = {
  set: lastBatch,
  every,
  onResult({ step, loss, top1 }: { step: number; loss: number; top1: number }) {
    if (step % every !== 0) return
    console.log(`images ${step * batch}: loss ${loss.toFixed(2)}, accuracy ${top1.toFixed(3)}`)
  }
}
const steps = Math.ceil(Number(values.images) / batch)
const training = { optimizer, lr: rates.weight.rate, input, sampling, steps, validation }
for await (const _ of train(net, images, training)) {
  // Every 20 steps the validation prints what came out.
}
const { top1 } = await evaluate(net, data.test, { input })
console.log(`test: accuracy ${top1.toFixed(3)} on ${data.test.length} images`)
