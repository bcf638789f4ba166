/** Devices that share a net skip an update together: where one finds a gradient that is not finite, all do. */
import type { Parameters } from '../graph/parameters.ts'
import type { Tape } from '../graph/tape.ts'
import type { Placement } from './placement.ts'

/** Brings each part's flag to the others of its replica, after each has looked at its own gradients. */
export async function allReduceFlags(
  placement: Placement,
  replica: number,
  tapes: readonly Tape[],
  parameters: Parameters
): Promise<void> {
  const parts = placement.of(replica)
  const told: { to: Tape; flag: ReturnType<Tape['send']> }[] = []
  for (const from of parts) {
    for (const { index } of parts) {
      const [tape, to] = [tapes[from.index], tapes[index]]
      if (index === from.index || !tape || !to) continue
      told.push({ to, flag: tape.send(parameters.ok(from.index), to, placement.link(from)) })
    }
  }
  for (const { to, flag } of told) {
    await to.call('agree', {}, { ok: parameters.ok(to.part), x: flag })
  }
}
