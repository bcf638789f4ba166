/** SIGKILL at random moments, and within what is written. */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Case, randomOf } from './cases.ts'
import type { Faults } from './faults.ts'
import { type Ended, told } from './launch.ts'
import type { Subject } from './subject.ts'

/** Kills of a case; a run that ends before one is compared, and the next begins. */
const KILLS = 5
/** Starts of a case, for all its kills. */
const STARTS = 10 * KILLS

/** @param calls that an undisturbed run makes to change files */
export function killCases(
  subject: Subject,
  folder: string,
  { kills, seed, calls, faults }: { kills: number; seed: number; calls: number; faults?: Faults }
): Case[] {
  return Array.from({ length: Math.ceil(kills / KILLS) }, (_, i) => ({
    part: 'kills',
    name: `run ${i + 1}, seed ${seed + i}`,
    async run() {
      const random = randomOf(seed + i)
      const seen = { kills: 0, 'kills within a write': 0 }
      const killed = () => seen.kills + seen['kills within a write']
      let out = join(folder, `kills-${i}`)
      for (let n = 1; killed() < Math.min(KILLS, kills - KILLS * i); n++) {
        if (n > STARTS) throw new Error(`expected ${KILLS} kills in ${STARTS} starts`)
        // Resumed runs make fewer calls: a fault beyond the last one kills nothing.
        const within = faults !== undefined && random() < 0.5
        const at = 1 + Math.floor(random() * calls * 0.7)
        const moment = random() * subject.length
        const kind = random() < 0.5 ? 'half' : 'kill'
        const ended = within
          ? await subject.run(out, faults.environment({ dir: out, at, kind }))
          : await killedAt(subject, out, moment)
        if (ended.signal === 'SIGKILL') seen[within ? 'kills within a write' : 'kills']++
        else if (ended.code !== 0) throw new Error(told(ended))
        else {
          subject.compare(out)
          out = join(folder, `kills-${i}-${n}`)
        }
      }
      await subject.finish(out)
      return seen
    }
  }))
}

async function killedAt(subject: Subject, out: string, moment: number): Promise<Ended> {
  const running = subject.start(out)
  await Promise.race([running.ended, sleep(moment)])
  running.process.kill('SIGKILL')
  return running.ended
}
