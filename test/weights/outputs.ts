/** What a net gives with the weights of a file. */
import type { Device } from '../../lib/engine/device.ts'
import { pack } from '../../lib/native/layout.ts'
import type { NetDefinition } from '../../lib/net/definition.ts'
import { fitWeights, type WeightsFit } from '../../lib/weights/fit/fit.ts'
import { readWeights } from '../../lib/weights/read.ts'

/** Multiples of 1/64, as the scripts beside this file make them. */
export const dotted = (count: number) =>
  Float32Array.from({ length: count }, (_, i) => (((i * 37) % 129) - 64) / 64)

/**
 * Logits of a net whose parameters are all in a file, row by row.
 * @param images f32 [N, C, H, W]
 */
export async function logitsOf(
  device: Device,
  definition: NetDefinition,
  path: string,
  images: Float32Array
): Promise<{ readonly fit: WeightsFit; readonly logits: Float32Array }> {
  const { channels, height, width } = definition.input
  const batch = images.length / (channels * height * width)
  const fit = await fitWeights(definition, await readWeights(path))
  await using net = await definition.build(device, { batch, training: false })
  await net.parameters.import(net.stream, await fit.read())
  const { input, logits } = net.io
  const shape = [batch, channels, height, width]
  net.stream.write(input.place, Float32Array.from(pack(images, shape, input.layout ?? 'abcd')))
  await net.forward()
  return { fit, logits: Float32Array.from(await net.stream.read(logits.place)) }
}

/** The largest difference. */
export function farthest(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) throw new Error(`${a.length} values, ${b.length} expected`)
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? Number.NaN))), 0)
}
