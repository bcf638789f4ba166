/** How many threads this process takes by default. */
import { availableParallelism } from 'node:os'
import { describe } from './check/describe.ts'

const MOST = 1024

/**
 * ALEXNODE_THREADS, by which a launcher divides a machine among its processes.
 * @returns undefined if it is not set
 * @throws RangeError if it is damaged
 */
export function givenThreads(env: Readonly<NodeJS.ProcessEnv> = process.env): number | undefined {
  const given = env.ALEXNODE_THREADS
  if (!given) return undefined
  const threads = /^\d{1,9}$/.test(given) ? Number(given) : 0
  if (threads >= 1 && threads <= MOST) return threads
  const got = describe(given)
  throw new RangeError(
    `[threads] ALEXNODE_THREADS: expected a whole number from 1 to ${MOST}, got ${got}`
  )
}

/** The threads that are given, or one a processor. */
export function ownThreads(): number {
  return givenThreads() ?? Math.min(MOST, availableParallelism())
}
