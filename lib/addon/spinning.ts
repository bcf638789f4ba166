/**
 * How long threads of OpenMP wait awake for one another. libgomp's own choice is some milliseconds, as if nobody
 * else wanted the cores: where another process has one of them, a thread then keeps the other busy with waiting.
 * On two cores with other work steps of small nets and of one image took from 3 to 20 times as long.
 */

/** Turns. By measurement: none at all gains little more on shared cores, and on quiet ones these cost nothing. */
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
