/** Courses of training that tests compare, and the same steps taken op by op. */
import type { ImageSet } from '../lib/data/dataset.ts'
import type { PublicTensor } from '../lib/net/graph/public-tensors.ts'
import { bindCall, Tape } from '../lib/net/graph/tape.ts'
import { Value } from '../lib/net/graph/value.ts'
import type { Net } from '../lib/net/net.ts'
import { sgd } from '../lib/optim/optimizer.ts'
import { Feed } from '../lib/training/input/feed.ts'
import { type TrainOptions, train } from '../lib/training/train.ts'

/** What draws the images and the dropout. */
export const seed = 7
/** How the optimizer steps. */
export const rates = { lr: 0.05, momentum: 0.9, weightDecay: 1e-3 }
const { lr, ...update } = rates
/** The same as an optimizer. */
export const optimizer = sgd(update)
/** The same as options of `train`, to which another optimizer may be given. */
export const sgdRates = { lr, optimizer }

/** All parameters, as files have them. */
export const weights = ({ parameters, stream }: Net) => parameters.export(stream)

/** Losses of a run. */
export async function run(
  net: Net,
  set: ImageSet,
  options: Partial<TrainOptions>
): Promise<number[]> {
  const losses: number[] = []
  const own = { ...sgdRates, seed, ...options }
  for await (const { loss } of train(net, set, own)) losses.push(loss)
  return losses
}

export type Weights = ReadonlyMap<string, PublicTensor>

/** The greatest |a - b| / max |b| of any parameter; a bias before batch norm is rounding alone, near 0. */
export function distance(a: Weights, b: Weights): number {
  let worst = 0
  for (const [name, { data }] of b) {
    const other = a.get(name)?.data
    let [scale, off] = [0.01, 0]
    for (const [i, value] of data.entries()) {
      scale = Math.max(scale, Math.abs(value))
      off = Math.max(off, Math.abs(value - (other?.[i] ?? Number.NaN)))
    }
    worst = Math.max(worst, off === 0 ? 0 : off / scale)
  }
  return worst
}

/** Calls the ops of one training step after another, with an optimizer's state of its own. */
export async function eagerly(
  net: Net,
  set: ImageSet,
  batches: readonly Uint32Array[]
): Promise<void> {
  const { device, stream, parameters } = net
  const tape = new Tape(stream)
  const { op, fields, hyper } = optimizer
  for (const parameter of parameters.trained) {
    const { master, gradient, dims, layer } = parameter
    const state = new Value({ name: 'v', layer, dtype: 'f32', shape: dims, layout: master.layout })
    const row = new Value({ name: 'hyper', layer, dtype: 'f32', shape: [4], layout: 'a' })
    state.tensor = device.allocate(master.bytes).tensor({
      shape: dims,
      dtype: 'f32',
      bytes: master.bytes,
      ...(master.layout !== undefined && { layout: master.layout })
    })
    row.tensor = device.allocate(16).tensor({ shape: [4], dtype: 'f32' })
    const decay = rates.weightDecay * parameter.decay
    stream.write(row.tensor, Float32Array.from(hyper({ lr: rates.lr, decay, step: 0 })))
    const args = { w: master, v: state, g: gradient, hyper: row, ok: net.io.ok }
    await tape.call(op, fields, args)
  }
  const update = tape.calls.map(bindCall)
  const feed = await Feed.create(net, set)
  for (const [step, indices] of batches.entries()) {
    const deliver = await feed.stage({ indices, step, seed })
    await deliver()
    const { forward, backward } = net.calls
    net.refresh()
    for (const calls of [forward, backward, update, net.refreshCalls]) net.run(calls)
    await stream.synchronize()
  }
  feed.close()
}
