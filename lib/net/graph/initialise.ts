/** Draws a parameter's initial values on its device. */

import type { Buffer } from '../../engine/memory.ts'
import type { Stream } from '../../engine/stream.ts'
import { elements } from '../../native/layout.ts'
import type { Fields } from '../../native/op-info.ts'
import { fnv1a } from '../../util/random.ts'
import type { Fill } from './init.ts'
import type { Parameter } from './parameter.ts'
import { reorder } from './public-tensors.ts'

interface FillOp {
  readonly name: string
  readonly fields: Fields
  /** True if it draws random numbers. */
  readonly random: boolean
}

function fillOp(fill: Fill): FillOp {
  if ('normal' in fill) {
    const { mean = 0, std } = fill.normal
    return { name: 'fill_normal', fields: { mean, std }, random: true }
  }
  if ('uniform' in fill) {
    const { low, high } = fill.uniform
    return { name: 'fill_uniform', fields: { low, high }, random: true }
  }
  return { name: 'fill', fields: { value: fill.constant }, random: false }
}

/**
 * Fills the whole parameter, and keeps the rows of this piece, so that the numbers do not depend on the devices.
 * @param words u32[4], the random state: seed (low, high), 0, 0
 */
export async function initialiseParameter(
  stream: Stream,
  parameter: Parameter,
  words: Uint32Array
): Promise<void> {
  const { fill, dims, whole, offset } = parameter
  const { name, fields, random } = fillOp(fill)
  using rngBuffer: Buffer = stream.device.allocate(16)
  const rng = rngBuffer.tensor({ shape: [4], dtype: 'u32' })
  stream.write(rng, words)
  using temporary: Buffer = stream.device.allocate(elements(whole) * 4)
  const y = temporary.tensor({ shape: whole, dtype: 'f32' })
  const purpose = random ? { purpose: fnv1a(`${parameter.name}/init`) } : {}
  const tensors = { y, ...(random && { rng }) }
  const op = await stream.prepare(name, { ...fields, ...purpose }, tensors)
  stream.run(op, tensors)
  const piece = temporary.tensor({ shape: dims, dtype: 'f32', offset })
  await reorder(stream, parameter.master.place, piece)
  await stream.synchronize()
  op.close()
}
