/** Reads and writes parameters as files and other frameworks see them: row-major, in their public shapes. */

import type { Buffer, Tensor } from '../../engine/memory.ts'
import type { Stream } from '../../engine/stream.ts'
import { elements, type Shape, sameShape } from '../../native/layout.ts'
import { checkArguments } from '../../util/check/check.ts'
import { list as listOf, maybe, record, typed, whole } from '../../util/check/rules.ts'
import type { Parameter } from './parameter.ts'

/** A parameter's values, f32, row-major. */
export interface PublicTensor {
  /** [O, C, kh, kw] for filters, [out, in] for dense weights, [C] for biases and batch norm. */
  readonly shape: Shape
  /** Row-major, as many as the shape says. */
  readonly data: Float32Array
}

const publicTensor = maybe(
  record<PublicTensor>(
    { shape: listOf(whole({ from: 0 })), data: typed('Float32Array') },
    { open: true }
  )
)

/** The stream that reaches a parameter: the given one if it is on the parameter's device. */
export function homeOf({ home }: Parameter, given: Stream): Stream {
  return home && home.device !== given.device ? home : given
}

/** Copies x to y, from x's layout to y's. */
export async function reorder(stream: Stream, y: Tensor, x: Tensor): Promise<void> {
  const op = await stream.prepare('reorder', {}, { y, x })
  using scratch: Buffer = stream.device.allocate(op.scratch)
  stream.run(op, { y, x }, scratch.tensor({ shape: [op.scratch], dtype: 'u8' }))
  op.close()
}

/**
 * Reads tensors that have the layouts of their parameters' master weights.
 * @returns them row-major, by the parameters' names; pieces of several devices joined
 */
export async function exportTensors(
  stream: Stream,
  list: readonly (readonly [Parameter, Tensor])[]
): Promise<Map<string, PublicTensor>> {
  const out = new Map<string, PublicTensor>()
  for (const [parameter, tensor] of list) {
    const { name, dims, whole: shape, offset, copy } = parameter
    if (copy) continue
    const home = homeOf(parameter, stream)
    using temporary: Buffer = home.device.allocate(elements(dims) * 4)
    const dense = temporary.tensor({ shape: dims, dtype: 'f32' })
    await reorder(home, dense, tensor)
    const data = await home.read(dense)
    if (!(data instanceof Float32Array)) throw new Error('[parameters] expected f32')
    if (data.length === elements(shape)) {
      out.set(name, { shape, data })
      continue
    }
    const known = out.get(name) ?? { shape, data: new Float32Array(elements(shape)) }
    known.data.set(data, offset / 4)
    out.set(name, known)
  }
  return out
}

/**
 * Writes tensors that have the layouts of their parameters' master weights; the reverse of exportTensors.
 * @throws Error naming a parameter that is missing, unknown or of another shape; nothing is written then
 */
export async function importTensors(
  stream: Stream,
  list: readonly (readonly [Parameter, Tensor])[],
  tensors: ReadonlyMap<string, PublicTensor>
): Promise<void> {
  const names = new Set(list.map(([parameter]) => parameter.name))
  for (const name of tensors.keys()) {
    if (!names.has(name)) {
      throw new Error(`[parameters] '${name}' is not one of this net's: ${[...names].join(', ')}`)
    }
  }
  for (const [parameter] of list) {
    const given = tensors.get(parameter.name)
    checkArguments('parameters', { [parameter.name]: [given, publicTensor] })
    if (!given) throw new Error(`[parameters] ${parameter.name}: expected a tensor, got none`)
    if (!sameShape(given.shape, parameter.whole)) {
      throw new Error(
        `[parameters] ${parameter.name}: expected [${parameter.whole}], got [${given.shape}]`
      )
    }
    if (given.data.length !== elements(given.shape)) {
      throw new Error(
        `[parameters] ${parameter.name}: expected ${elements(given.shape)} values for ` +
          `[${given.shape}], got ${given.data.length}`
      )
    }
  }
  for (const [parameter, tensor] of list) {
    const given = tensors.get(parameter.name)
    if (!given) continue
    const { dims, offset } = parameter
    const home = homeOf(parameter, stream)
    using temporary: Buffer = home.device.allocate(elements(dims) * 4)
    const dense = temporary.tensor({ shape: dims, dtype: 'f32' })
    home.write(dense, given.data.subarray(offset / 4, offset / 4 + elements(dims)))
    await reorder(home, tensor, dense)
    await home.synchronize()
  }
}
