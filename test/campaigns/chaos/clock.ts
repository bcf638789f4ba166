/** Clocks that are set back or ahead: before a run, during it, and between it and what a kill left. */
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Case } from './cases.ts'
import type { Faults } from './faults.ts'
import { clearError } from './launch.ts'
import type { Subject } from './subject.ts'

const DAY = 86_400

export function clockCases(subject: Subject, folder: string, faults: Faults): Case[] {
  const of = (name: string, run: (out: string) => Promise<'equal' | 'error'>): Case => ({
    part: 'clock',
    name,
    run: async () => ({ [await run(join(folder, `clock, ${name}`))]: 1 })
  })
  const set = [-1000 * DAY, -DAY, -60, 60, DAY, 1000 * DAY]
  return [
    ...set.map((ahead) =>
      of(`${ahead} s`, async (out) =>
        subject.endsWell(out, await subject.run(out, faults.clock(ahead)))
      )
    ),
    ...set.map((ahead) =>
      of(`${ahead} s during the run`, async (out) => {
        const after = subject.length / 2500
        return subject.endsWell(out, await subject.run(out, faults.clock(ahead, after)))
      })
    ),
    ...set.map((ahead) =>
      of(`${ahead} s after a kill`, async (out) => {
        await subject.run(out, faults.environment({ dir: out, at: 60, kind: 'kill' }))
        return subject.endsWell(out, await subject.run(out, faults.clock(ahead)))
      })
    ),
    of('a guard and a lock of nobody, from the future', async (out) => {
      mkdirSync(out)
      const later = Date.now() / 1000 + DAY
      writeFileSync(join(out, 'log.jsonl'), '')
      for (const name of ['lock', '.lock.examined']) {
        writeFileSync(join(out, name), '')
        utimesSync(join(out, name), later, later)
      }
      const ended = await subject.run(out)
      clearError(ended)
      if (!/\[lock\]/.test(ended.err)) throw new Error(ended.err)
      return 'error'
    })
  ]
}
