/** Reads safetensors files of any program as files of weights. */

import { toFloats } from '../../util/files/floats.ts'
import { listSafetensors } from '../../util/files/safetensors.ts'
import { HEADER_LIMIT } from '../../util/files/safetensors-header.ts'
import type { WeightsReader } from '../format.ts'

/** A length of 8 bytes, then JSON. */
const JSON_BEGIN = '{'.charCodeAt(0)

/** Safetensors: see https://github.com/huggingface/safetensors#format. */
export const safetensorsReader: WeightsReader = {
  matches({ bytes }) {
    if (bytes.length < 9 || bytes[8] !== JSON_BEGIN) return false
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    return view.getBigUint64(0, true) <= BigInt(HEADER_LIMIT)
  },

  async read({ path, size }) {
    const { tensors, metadata } = await listSafetensors(path)
    return {
      path,
      format: 'safetensors',
      bytes: size,
      tensors: new Map(
        tensors.map(({ name, shape, dtype, read }) => [
          name,
          { shape, dtype, read: async () => toFloats(dtype, await read()) }
        ])
      ),
      metadata,
      notes: []
    }
  }
}
