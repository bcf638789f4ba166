/**
 * A TensorFlow program for MNIST, as introductions to AlexNet have it (docs/walkthrough.md):
 *
 *     node --import tsx examples/tensorflow-mnist.ts [--data mnist] [--images 200000] [--width 1]
 *
 * Adam at .001, batches of 64, 200,000 images in all; of the training images the first 5,000 are left out, as
 * TensorFlow's reader of MNIST has it. Every 20 steps it tells loss and accuracy of the batch, and at the end the
 * accuracy on the first 256 test images. --data takes any set of the MNIST family.
 */
import { parseArgs } from 'node:util'
import { adam, evaluate, netByName, open, openData, train } from 'alexnode'
import { subset } from 'alexnode/data'
import { plain } from './shared/draws.ts'

const { values } = parseArgs({
  options: {
    data: { type: 'string', default: 'mnist' },
    images: { type: 'string', default: '200000' },
    width: { type: 'string', default: '1' }
  }
})
const batch = 64
const data = await openData(values.data)
const { length } = data.train
const validation = length > 5000 ? 5000 : 0
const range = (from: number, to: number) =>
  Uint32Array.from({ length: to - from }, (_, i) => from + i)
const images = { ...subset(data.train, range(validation, length)), ...plain(data.train) }
const test = {
  ...subset(data.test, range(0, Math.min(256, data.test.length))),
  ...plain(data.test)
}

await using device = await open('cpu')
const definition = netByName('tf-mnist', {
  classes: data.classes.length,
  width: Number(values.width)
})
const optimizer = adam()
await using net = await definition.build(device, { batch, optimizer })

const steps = Math.ceil(Number(values.images) / batch)
for await (const { step, loss, top1 } of train(net, images, { optimizer, lr: 0.001, steps })) {
  if (step % 20 === 0) {
    console.log(`images ${step * batch}: loss ${loss.toFixed(2)}, accuracy ${top1.toFixed(3)}`)
  }
}
const { top1 } = await evaluate(net, test)
console.log(`test: accuracy ${top1.toFixed(3)} on ${test.length} images`)
