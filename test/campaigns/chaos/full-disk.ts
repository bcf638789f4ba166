/** A disk that is full at every call that changes a file: from then on, or for a moment. */
import { join } from 'node:path'
import type { Case } from './cases.ts'
import type { Faults } from './faults.ts'
import type { Subject } from './subject.ts'

/** Calls from one that fails alone to the next. */
const ONCE = 4

/** @param every takes each nth call only */
export function fullDiskCases(
  subject: Subject,
  folder: string,
  { calls, faults, every = 1 }: { calls: number; faults: Faults; every?: number }
): Case[] {
  return Array.from({ length: Math.ceil(calls / every) }, (_, i) => i).flatMap((i) =>
    (i % ONCE === 0 ? (['full', 'once'] as const) : (['full'] as const)).map((kind) => ({
      part: 'full disk',
      name: `call ${1 + i * every}, ${kind}`,
      async run() {
        const at = 1 + i * every
        const out = join(folder, `${kind}-${at}`)
        const ended = await subject.run(out, faults.environment({ dir: out, at, kind }))
        const how = await subject.endsWell(out, ended)
        if (how === 'error' && !ended.err.includes('ENOSPC')) {
          throw new Error(`expected an error of a full disk, got ${ended.err}`)
        }
        return { [how]: 1 }
      }
    }))
  )
}
