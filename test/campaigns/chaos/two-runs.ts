/** Several processes in one folder: one works there, the others say so and end. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Case, randomOf } from './cases.ts'
import { clearError, told } from './launch.ts'
import type { Subject } from './subject.ts'

export function twoRunCases(
  subject: Subject,
  folder: string,
  { rounds, seed }: { rounds: number; seed: number }
): Case[] {
  return Array.from({ length: rounds }, (_, i) => ({
    part: 'two runs',
    name: `round ${i + 1}, seed ${seed + i}`,
    async run() {
      const random = randomOf(seed + i)
      const out = join(folder, `two-${i}`)
      // A run that has begun: otherwise each process would start one of its own.
      mkdirSync(out)
      writeFileSync(join(out, 'log.jsonl'), '')
      const seen = { processes: 2 + (i % 3), worked: 0, refused: 0, killed: 0 }
      const running = Array.from({ length: seen.processes }, async (_, n) => {
        // The first rounds start at once, the others within the length of a run.
        await sleep(i % 2 === 0 ? 0 : random() * subject.length)
        const started = subject.start(out)
        if (n === 0 && i % 4 === 3) {
          await Promise.race([started.ended, sleep(random() * subject.length)])
          started.process.kill('SIGKILL')
        }
        return started.ended
      })
      for (const ended of await Promise.all(running)) {
        if (ended.code === 0) seen.worked++
        else if (ended.signal === 'SIGKILL') seen.killed++
        else {
          clearError(ended)
          if (!/\[lock\] expected .* to be free/.test(ended.err.replaceAll(/\s+/g, ' ')))
            throw new Error(told(ended))
          seen.refused++
        }
      }
      if (seen.worked + seen.killed === 0) throw new Error('expected one to work, got none')
      await subject.finish(out)
      return seen
    }
  }))
}
