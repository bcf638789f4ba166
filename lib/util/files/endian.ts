import { endianness } from 'node:os'

/**
 * Typed arrays are written to files as they lie in memory.
 *
 * @param topic begins the error
 * @throws Error on a big-endian machine
 */
export function needLittleEndian(topic: string): void {
  if (endianness() === 'LE') return
  throw new Error(`[${topic}] expected a little-endian machine, got a big-endian one; use another`)
}
