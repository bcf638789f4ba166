/**
 * Ten steps of whole nets. Losses must agree between unfused and fused ops on the first device, between each other
 * device and the first, and between bf16 or f16, if the device has them, and f32.
 */
import { shapes } from '../data/shapes/shapes.ts'
import type { Device } from '../engine/device.ts'
import type { FloatDType } from '../native/dtype.ts'
import { netByName } from '../net/models/index.ts'
import { train } from '../training/train.ts'
import type { Measure } from './run.ts'

/** A net and how it is built. */
export interface NetCase {
  readonly net: string
  readonly dtype: FloatDType
  readonly fuse: boolean
}

/** The nets to test; the others consist of the same layers. */
export const testedNets = ['alexnet', 'fashion', 'torchvision'] as const

const batch = 4
const steps = 10
const seed = 3
/** Relative tolerance of a loss. bf16 has 8 significant bits, f16 11. */
const bounds = { f32: 1e-4, bf16: 5e-2, f16: 2e-2 } as const

/** Learning rates at which losses change, but rounding errors do not grow beyond the tolerance. */
const rates: Readonly<Record<string, number>> = { alexnet: 1e-4, fashion: 2e-5 }

/** Trains a net and returns the loss of each step. Images, weights and dropout are the same on every device. */
export async function netLosses(
  device: Device,
  { net: name, dtype, fuse }: NetCase
): Promise<number[]> {
  const definition = netByName(name, { classes: 10 })
  await using net = await definition.build(device, { batch, seed, dtype, fuse })
  const { channels } = definition.input
  const images = shapes({ channels, size: 64, train: batch * steps, test: 10, seed })
  const losses: number[] = []
  const lr = rates[name] ?? 1e-3
  // A scale at which no step overflows: the f32 run skips none.
  const lossScale = dtype === 'f16' ? { lossScale: { start: 1024 } } : {}
  const options = { steps, seed, lr, momentum: 0.9, ...lossScale }
  for await (const { loss } of train(net, images.train, options)) {
    losses.push(loss)
  }
  return losses
}

/** The largest relative difference of two lists of losses. */
export function lossDifference(
  losses: readonly number[],
  expected: readonly number[],
  dtype: FloatDType
): Measure {
  const off = expected.map((loss, i) => Math.abs((losses[i] ?? Number.NaN) / loss - 1))
  const error = Math.max(...off)
  return { error: Number.isNaN(error) ? Infinity : error, bound: bounds[dtype] }
}
