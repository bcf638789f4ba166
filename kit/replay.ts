/** A recorded step must equal the eager one: whole nets, several steps, every bit of the weights. */
import { shapes } from '../lib/data/shapes/shapes.ts'
import { type Device, open } from '../lib/engine/device.ts'
import type { FloatDType } from '../lib/native/dtype.ts'
import type { NetDefinition } from '../lib/net/definition.ts'
import { netByName } from '../lib/net/models/index.ts'
import type { Net } from '../lib/net/net.ts'
import { sgd } from '../lib/optim/optimizer.ts'
import { Trainer } from '../lib/training/step/trainer.ts'
import { partArguments, say } from './arguments.ts'
import { thin } from './thin.ts'

const { device: where, brief, double } = partArguments()
const batch = double ? 2 : 8
const steps = double ? 2 : 5

/** Losses and weights after a few steps, recorded or op by op. */
async function run(device: Device, definition: NetDefinition, dtype: FloatDType, eager: boolean) {
  await using net = await definition.build(device, { batch, seed: 3, dtype })
  const { channels, height } = definition.input
  const set = shapes({ channels, size: Math.min(height, 64), train: batch, test: 1, seed: 3 }).train
  const names = Array.from({ length: net.classes }, (_, i) => set.classes[i] ?? `class ${i}`)
  const images = { ...set, classes: names }
  await using trainer = await Trainer.create(net, images, sgd({ momentum: 0.9 }))
  const losses: number[] = []
  const scale = dtype === 'f16' ? 128 : 1
  for (let step = 0; step < steps; step++) {
    const indices = Uint32Array.from({ length: batch }, (_, i) => i)
    const { result } = await trainer.step(indices, { step, seed: 3, lr: 1e-3, scale, eager })
    const { loss, finite } = await result
    losses.push(finite ? loss : Number.NaN)
  }
  return { losses, weights: await bytes(net) }
}

async function bytes({ parameters, stream }: Net): Promise<Map<string, Uint8Array>> {
  const tensors = await parameters.export(stream)
  return new Map(
    [...tensors].map(([name, { data }]) => [
      name,
      new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    ])
  )
}

await using device = await open(where, { deterministic: true })
for (const name of double || brief ? ['alexnet'] : ['alexnet', 'fashion', 'torchvision']) {
  const named = netByName(name, { classes: 10 })
  const definition = double ? thin(named) : named
  for (const dtype of ['f32', 'bf16', 'f16'] as const) {
    const what = `${name}, ${dtype}: ${steps} steps recorded and eager`
    try {
      device.requireDType(dtype)
    } catch (error) {
      say({ name: what, skipped: error instanceof Error ? error.message : String(error) })
      continue
    }
    try {
      const recorded = await run(device, definition, dtype, false)
      const eager = await run(device, definition, dtype, true)
      const again = await run(device, definition, dtype, false)
      const differ = (a: typeof eager, b: typeof eager) =>
        [...a.weights].flatMap(([name, data]) =>
          Buffer.compare(data, b.weights.get(name) ?? new Uint8Array()) ? [name] : []
        )
      const wrong = differ(recorded, eager)
      const unlike = differ(recorded, again)
      const finite = recorded.losses.every(Number.isFinite)
      const failed =
        wrong.length > 0
          ? `they differ in ${wrong.join(', ')}`
          : unlike.length > 0
            ? `two equal runs differ in ${unlike.join(', ')}`
            : finite
              ? undefined
              : `the losses are ${recorded.losses.join(', ')}`
      say({ name: what, loss: recorded.losses.at(-1), ...(failed && { failed }) })
    } catch (error) {
      say({ name: what, failed: error instanceof Error ? error.message : String(error) })
    }
  }
}
