/** On which ports rank 0 may listen. */
import type { Identity } from '../identity.ts'

/** Ports that are tried after the one on which an agent listens. */
const AFTER_AGENT = 16
const LAST_PORT = 65_535

export function portsOf({ port, agent }: Pick<Identity, 'port' | 'agent'>): readonly number[] {
  if (!agent) return [port]
  const first = Math.min(port + 1, LAST_PORT - AFTER_AGENT + 1)
  return Array.from({ length: AFTER_AGENT }, (_, i) => first + i)
}
