import { Tensor } from '../../engine/memory.ts'
import { dtypeBytes, isFloat } from '../../native/dtype.ts'
import type { BoundCall } from '../../net/graph/tape.ts'
import type { Net } from '../../net/net.ts'

/** Where a value was not finite. */
export interface NonFinite {
  readonly layer: string
  /** Layer, pass, output and op, for people. */
  readonly place: string
}

/**
 * Runs a net's step on the images in its input, op by op, and checks each result.
 * @returns the first result that is not finite, or undefined
 */
export async function findNonFinite(net: Net): Promise<NonFinite | undefined> {
  const { parts } = net.placement
  const flags = parts.map(({ index, stream }) => {
    const ok = net.parameters.ok(index).place
    stream.write(ok, Int32Array.of(1))
    return { stream, ok }
  })
  const { forward, backward } = net.calls
  // Each process looks at what it computed itself; the others may have found something before they come here.
  const sums = new Set(
    net.placement.group ? net.draft.reductions.flatMap(({ calls }) => calls) : []
  )
  const isShared = ({ op }: BoundCall['call']) => op.name === 'all_reduce'
  for (const [pass, calls] of Object.entries({ forward, backward })) {
    for (const bound of calls) {
      if (bound.call.pass === 'update' || sums.has(bound.call) || isShared(bound.call)) continue
      net.run([bound])
      const flag = flags.find(({ stream }) => stream === bound.call.stream)
      // A copy between devices was checked where its source was computed.
      if (!flag) continue
      const { stream, ok } = flag
      for (const slot of bound.call.op.info.slots) {
        const tensor = bound.tensors[slot.name]
        if (slot.role === 'in' || !tensor || !isFloat(tensor.dtype)) continue
        const { buffer, dtype, offset, bytes } = tensor
        const flat = new Tensor(buffer, { shape: [bytes / dtypeBytes(dtype)], dtype, offset })
        const op = await stream.prepare('finite', {}, { ok, x: flat })
        stream.run(op, { ok, x: flat })
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
