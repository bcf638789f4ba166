/** Preprocessing as part of the graph: bytes of pictures become the net's input. */
import type { InputShape } from '../../../net/spec.ts'
import { type Preprocessing, readSize } from '../preprocessing.ts'
import { TensorType } from '../schema.ts'
import type { GraphBuilder } from './graph.ts'

/**
 * u8 [N, H, W, C] named 'image' → the net's input.
 * @returns the name of the value that the net reads
 */
export function writePreprocessing(
  graph: GraphBuilder,
  given: Preprocessing,
  input: InputShape
): string {
  const { image, crop, mean, divisor } = given
  const { channels } = image
  const { height, width } = readSize(given, input)
  const numbers = graph.node('Cast', ['image'], 'preprocessing/numbers', {
    integers: { to: TensorType.f32 }
  })
  const maps = graph.node('Transpose', [numbers], 'preprocessing/maps', {
    integers: { perm: [0, 3, 1, 2] }
  })
  const of = mean instanceof Float32Array ? [1, channels, height, width] : [1, channels, 1, 1]
  const means = graph.floats('preprocessing.mean', of, Float32Array.from(mean))
  const centred = graph.node('Sub', [maps, means], 'preprocessing/centred')
  const factors = Float32Array.from(divisor, (by) => 1 / by)
  const factor = graph.floats('preprocessing.factor', [1, channels, 1, 1], factors)
  const scaled = graph.node('Mul', [centred, factor], 'preprocessing/scaled')
  if (crop || (height === input.height && width === input.width)) return scaled
  const scales = [1, 1, input.height / height, input.width / width]
  const given32 = graph.floats('preprocessing.scales', [4], Float32Array.from(scales))
  return graph.node('Resize', [scaled, '', given32], 'preprocessing/resized', {
    texts: { mode: 'linear', coordinate_transformation_mode: 'half_pixel' }
  })
}
