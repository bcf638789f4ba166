/**
 * Ten steps of each named net, whole: on the CPU op by op and fused, whose losses must agree, on any
 * other device against the CPU, and in bf16 and f16, where the device has them, against f32.
 */
import { shapes } from '../data/shapes/shapes.ts'
import type { Device } from '../engine/device.ts'
import type { FloatDType } from '../native/dtype.ts'
import { netByName } from '../net/models/index.ts'
import { train } from '../training/train.ts'
import type { Measure } from './run.ts'

/** How a net is trained. */
export interface NetCase {
  readonly net: string
  readonly dtype: FloatDType
  readonly fuse: boolean
}

/** The nets tried; the others are made of the same parts. */
export const netsTried = ['alexnet', 'fashion', 'torchvision'] as const

const batch = 4
const steps = 10
const seed = 3
/** Loss by loss, as a fraction; bf16 keeps 8 bits, f16 11. */
const bounds = { f32: 1e-4, bf16: 5e-2, f16: 2e-2 } as const

/** Rates at which losses move, and rounding does not grow into another course within the steps. */
const rates: Readonly<Record<string, number>> = { alexnet: 1e-4, fashion: 2e-5 }

/** The loss of each step. The images, the weights and the dropout are the same on every device. */
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
  // No step is skipped that the other course makes.
  const lossScale = dtype === 'f16' ? { lossScale: { start: 1024 } } : {}
  const options = { steps, seed, lr, momentum: 0.9, ...lossScale }
  for await (const { loss } of train(net, images.train, options)) {
    losses.push(loss)
  }
  return losses
}

/** How far apart two courses are at most, as a fraction. */
export function apart(
  losses: readonly number[],
  expected: readonly number[],
  dtype: FloatDType
): Measure {
  const off = expected.map((loss, i) => Math.abs((losses[i] ?? Number.NaN) / loss - 1))
  const error = Math.max(...off)
  return { error: Number.isNaN(error) ? Infinity : error, bound: bounds[dtype] }
}
