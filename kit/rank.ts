/** A process of kit/ranks.ts: it trains with the others, and prints what came of it, or the error. */
import { createHash } from 'node:crypto'
import { shapes } from '../lib/data/shapes/shapes.ts'
import { open } from '../lib/engine/device.ts'
import { joinGroup } from '../lib/group/group.ts'
import { netByName } from '../lib/net/models/index.ts'
import type { Net } from '../lib/net/net.ts'
import { train } from '../lib/training/train.ts'
import { say } from './arguments.ts'
import { thin } from './thin.ts'

export interface RankTask {
  readonly device: string
  /** Seconds for the ranks to come, and for a collective. */
  readonly seconds: number
  readonly steps: number
  /** A double of CUDA computes: a small net. */
  readonly double: boolean
  readonly gradientDtype?: 'f32' | 'bf16'
  /** The step at which rank 1 is killed. */
  readonly killAt?: number
}

/** Steps that begin cold. */
const COLD = 4

async function hashOf(net: Net): Promise<string> {
  const hash = createHash('sha256')
  for (const [name, { data }] of await net.parameters.export(net.stream)) {
    hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  }
  return hash.digest('hex')
}

async function course(task: RankTask): Promise<object> {
  const { double, steps, killAt, gradientDtype = 'f32' } = task
  await using group = await joinGroup({ timeout: task.seconds })
  await using device = await open(task.device)
  const named = netByName('alexnet', { classes: 10 })
  const definition = double ? thin(named) : named
  const batch = double ? 4 : 256
  await using net = await definition.build(device, { batch, group, seed: 3, gradientDtype })
  const { train: set } = shapes({
    channels: 3,
    size: definition.input.height,
    train: 2 * batch,
    test: 1,
    seed: 3
  })
  const losses: number[] = []
  let start = performance.now()
  for await (const { loss, step } of train(net, set, { steps, lr: 1e-3, momentum: 0.9 })) {
    losses.push(loss)
    if (step === COLD) start = performance.now()
    if (step === killAt && group.rank === 1) process.kill(process.pid, 'SIGKILL')
  }
  const seconds = (performance.now() - start) / 1000
  return { losses, images_per_s: ((steps - COLD) * batch) / seconds, hash: await hashOf(net) }
}

try {
  say(await course(JSON.parse(process.argv[2] ?? '{}')))
} catch (error) {
  say({ error: error instanceof Error ? error.message : String(error) })
}
