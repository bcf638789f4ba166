import { Tensor } from '../../engine/memory.ts'
import { dtypeBytes, isFloat } from '../../native/dtype.ts'
import type { Net } from '../../net/net.ts'

/**
 * Runs a net's step on what lies in its input, one op at a time, and looks at each result.
 * @returns the first that is not finite, its place told for people; undefined where all are
 */
export async function findNonFinite(
  net: Net
): Promise<{ readonly layer: string; readonly place: string } | undefined> {
  const { parts } = net.placement
  const flags = parts.map(({ index, stream }) => {
    const ok = net.parameters.ok(index).place
    stream.write(ok, Int32Array.of(1))
    return { stream, ok }
  })
  const { forward, backward } = net.calls
  for (const [pass, calls] of Object.entries({ forward, backward })) {
    for (const bound of calls) {
      if (bound.call.pass === 'update') continue
      net.run([bound])
      const flag = flags.find(({ stream }) => stream === bound.call.stream)
      // What was copied was looked at where it was made.
      if (!flag) continue
      const { stream, ok } = flag
      for (const slot of bound.call.op.info.slots) {
        const tensor = bound.tensors[slot.name]
        if (slot.role === 'in' || !tensor || !isFloat(tensor.dtype)) continue
        const count = tensor.bytes / dtypeBytes(tensor.dtype)
        const row = new Tensor(tensor.buffer, {
          ...{ shape: [count], dtype: tensor.dtype, offset: tensor.offset }
        })
        const op = await stream.prepare('finite', {}, { ok, x: row })
        stream.run(op, { ok, x: row })
        const [finite] = await stream.read(ok)
        op.close()
        if (finite === 1) continue
        const { layer } = bound.call
        return { layer, place: `layer '${layer}', ${pass}: ${slot.name} of ${bound.call.op.name}` }
      }
    }
  }
  return undefined
}
