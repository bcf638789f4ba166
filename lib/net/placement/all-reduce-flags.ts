/** Devices that share a replica skip an update together: if one finds a gradient that is not finite, all skip. */
import type { Parameters } from '../graph/parameters.ts'
import type { Tape } from '../graph/tape.ts'
import type { Value } from '../graph/value.ts'
import type { Placement } from './placement.ts'

/** All-reduces the `ok` flags of a replica's parts, by minimum. Called after each part has checked its gradients. */
export async function allReduceFlags(
  placement: Placement,
  replica: number,
  tapes: readonly Tape[],
  parameters: Parameters
): Promise<void> {
  const parts = placement.of(replica)
  const sent: { readonly to: Tape; readonly flag: Value }[] = []
  for (const from of parts) {
    for (const { index } of parts) {
      const [tape, to] = [tapes[from.index], tapes[index]]
      if (index === from.index || !tape || !to) continue
      sent.push({ to, flag: tape.send(parameters.ok(from.index), to, placement.link(from)) })
    }
  }
  for (const { to, flag } of sent) {
    await to.call('agree', {}, { ok: parameters.ok(to.part), x: flag })
  }
}
