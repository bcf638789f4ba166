/**
 * How long threads of OpenMP wait awake for one another. libgomp's own choice is some milliseconds, as if nobody
 * else wanted the cores: where another process has one of them, a thread then keeps the other busy with waiting.
 * On two cores with other work such steps took from 3 to 20 times as long.
 */

/** Turns, each of some tens of cycles: longer than threads that run at once differ by, shorter than a wake-up. */
const TURNS = '1000'

/**
 * Loads what loads libgomp, which reads its settings then; what the user has set holds. The environment is
 * afterwards as it was, so that child processes see nothing of it.
 */
export function spinningBriefly<T>(load: () => T): T {
  const { env } = process
  if (env.GOMP_SPINCOUNT !== undefined || env.OMP_WAIT_POLICY !== undefined) return load()
  env.GOMP_SPINCOUNT = TURNS
  try {
    return load()
  } finally {
    delete env.GOMP_SPINCOUNT
  }
}
