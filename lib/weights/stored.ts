/** Parameters as a file holds them. */
import { setImmediate } from 'node:timers/promises'
import { toF16 } from '../native/half.ts'
import type { PublicTensor } from '../net/graph/public-tensors.ts'
import type { NetSpec } from '../net/spec.ts'

/** Parameters of a net by name. */
export type NamedTensors = ReadonlyMap<string, PublicTensor>

/** A net and its weights, without a device. */
export interface WeightedNet {
  /** The net. */
  readonly definition: NetSpec
  /** All parameters by name, running statistics included. */
  readonly tensors: ReadonlyMap<string, PublicTensor>
}

/** A parameter as the file holds it: row-major. */
export interface StoredTensor {
  readonly dtype: 'f32' | 'f16'
  readonly shape: readonly number[]
  readonly bytes: Uint8Array
}

/** Numbers that are converted before the event loop gets a turn: some milliseconds. */
const PIECE = 1 << 20

/**
 * Weights of two dimensions or more in `dtype`, biases and statistics in f32: they are few, and may be large.
 * @throws RangeError for a weight that is infinite in f16
 */
export async function storedTensors(
  tensors: NamedTensors,
  dtype: 'f32' | 'f16'
): Promise<ReadonlyMap<string, StoredTensor>> {
  const out = new Map<string, StoredTensor>()
  for (const [name, { shape, data }] of tensors) {
    if (dtype === 'f32' || shape.length < 2) {
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      out.set(name, { dtype: 'f32', shape, bytes })
    } else {
      const halves = await halvesOf(name, data)
      out.set(name, { dtype: 'f16', shape, bytes: new Uint8Array(halves.buffer) })
    }
  }
  return out
}

async function halvesOf(name: string, data: Float32Array): Promise<Uint16Array<ArrayBuffer>> {
  const halves = new Uint16Array(data.length)
  for (let from = 0; from < data.length; from += PIECE) {
    const piece = toF16(data.subarray(from, from + PIECE))
    if (piece.some((bits) => (bits & 0x7fff) >= 0x7c00)) {
      throw new RangeError(
        `[weights] ${name}: expected weights within ±65504 for f16, got larger ones; export it in f32`
      )
    }
    halves.set(piece, from)
    await setImmediate()
  }
  return halves
}
