/** What becomes of a set's first images on their way to a net's input. */
import type { ImageSet } from '../lib/data/dataset.ts'
import type { Device } from '../lib/engine/device.ts'
import type { FloatDType } from '../lib/native/dtype.ts'
import { elements, unpack } from '../lib/native/layout.ts'
import { Value } from '../lib/net/graph/value.ts'
import { NetInput, type NetInputOptions } from '../lib/training/input/net-input.ts'

export interface Making extends Partial<NetInputOptions> {
  /** Rows and columns of the net's input. */
  readonly size: readonly [height: number, width: number]
  /** Which images of the set. */
  readonly indices: Uint32Array
  readonly dtype?: FloatDType
  readonly layout?: string
  readonly step?: number
  readonly seed?: number
  readonly epoch?: number
  /** Place of the first in the whole batch. */
  readonly first?: number
}

/** The elements of the net's input, [image, channel, row, column]. */
export async function makeInput(
  device: Device,
  set: ImageSet,
  making: Making
): Promise<Float64Array> {
  const { size, indices, dtype = 'f32', layout = 'abcd', step = 0, seed = 1 } = making
  const { epoch = 0, first = 0, training = true, ...rest } = making
  const stream = device.stream()
  const own = (name: string, type: FloatDType | 'u32', shape: number[], layout: string) => {
    const value = new Value({ name, layer: 'input', dtype: type, shape, layout })
    const whole = layout === 'aBcd8b' ? shape.with(1, Math.ceil((shape[1] ?? 0) / 8) * 8) : shape
    value.bytes = elements(whole) * (type === 'f32' || type === 'u32' ? 4 : 2)
    const buffer = device.allocate(value.bytes)
    value.tensor = buffer.tensor({ shape, dtype: type, layout, bytes: value.bytes })
    return { value, buffer }
  }
  const shape = [indices.length, set.channels, ...size]
  const input = own('x', dtype, shape, layout)
  const rng = own('rng', 'u32', [4], 'a')
  const target = { stream, input: input.value, rng: rng.value }
  const made = await NetInput.create(target, set, { ...rest, training })
  try {
    const images = new Uint8Array(indices.length * set.height * set.width * set.channels)
    await set.read(indices, images, new Int32Array(indices.length))
    stream.write(made.bytes, images)
    stream.write(rng.value.place, Uint32Array.of(seed, 0, step, first))
    for (const [i, numbers] of made.scalarsAt(epoch).entries()) {
      const to = made.scalars[i]
      if (to) stream.write(to, numbers)
    }
    made.run()
    const read = await stream.read(input.value.place)
    return unpack(Float64Array.from(read), shape, layout)
  } finally {
    made.close()
    input.buffer.close()
    rng.buffer.close()
    await stream.close()
  }
}
