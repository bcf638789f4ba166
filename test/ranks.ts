/** Starts the processes of a group on this machine, for tests. */
import { existsSync } from 'node:fs'
import { freePort } from './free-port.ts'
import { Running } from './programs.ts'
import { rankEnvironment } from './rank-environment.ts'

const library = 'build/Release/libalexnode_gloo.so'

/** Why a test of several processes is left out, for tap; false: it is not. */
export const gloo = existsSync(library) ? false : `no libgloo: ${library} was not made`

/** Starts so many processes of a program, by the environment that torchrun sets. One alone gets none. */
export async function startRanks(
  count: number,
  file: string,
  args: readonly string[] | ((rank: number) => readonly string[]),
  more: (rank: number) => NodeJS.ProcessEnv = () => ({})
): Promise<readonly Running[]> {
  const port = await freePort()
  return Array.from({ length: count }, (_, rank) => {
    const env = rankEnvironment(rank, count, port)
    const own = { ...(count > 1 && env), ...more(rank) }
    return new Running(file, typeof args === 'function' ? args(rank) : args, own)
  })
}
