/** The campaign of readers: mutated files, each of which must end in a value or a clear error. */
import fc from 'fast-check'
import type { Options } from '../options.ts'
import type { Report } from '../report.ts'
import { type Mutation, mutation } from './edits.ts'
import type { Case } from './messages.ts'
import { isRecord } from './parts.ts'
import { Runner } from './runner.ts'
import { readers as table } from './table.ts'

/** Cases of one reader, and time, before the next has its turn. A short run gives each reader one. */
const TURN = 100
const TURN_MS = 5000
/** Time to shrink a failure. A crash takes seconds each time, and a case without end its whole limit. */
const SHRINKING_MS = 20_000

/** A fault without what differs from case to case. */
function kindOf(fault: string): string {
  return fault
    .replace(/\d+/g, '#')
    .replace(/'[^']*'|"[^"]*"/g, '…')
    .slice(0, 60)
}

export interface ReaderOptions extends Options {
  /** Names of readers. Default: all. */
  readonly only?: readonly string[]
}

/**
 * Mutates the files of every reader in turn until the time is over. A failure is shrunk, and the others of its kind
 * are not reported again.
 */
export async function readers({ seconds, seed, log, only }: ReaderOptions): Promise<Report> {
  let start = performance.now()
  const over = () => performance.now() - start > seconds * 1000
  const report: Report = { campaign: 'readers', seed, cases: 0, seconds: 0, failures: [] }
  const chosen = table.filter(({ name }) => only?.includes(name) ?? true)
  const turnMs = Math.min(TURN_MS, (seconds * 1000) / Math.max(1, chosen.length))
  const known = new Set<string>()
  const counts = new Map(chosen.map(({ name }) => [name, { cases: 0, values: 0 }]))
  const runner = new Runner()
  try {
    for (const { name } of chosen) await mustPass(runner, { reader: name })
    start = performance.now()
    for (let turn = 0; !over(); turn++) {
      for (const { name } of chosen) {
        if (over()) break
        const count = counts.get(name) ?? { cases: 0, values: 0 }
        const isNew = (fault: string) => !known.has(`${name} ${kindOf(fault)}`)
        const found = await turnOf({ runner, name, seed: seed + turn, isNew, over, count, turnMs })
        if (!found) continue
        known.add(`${name} ${kindOf(found.what)}`)
        const files = await runner.render({ reader: name, mutation: found.mutation })
        log(`${name}: ${found.what}`)
        report.failures.push({ input: JSON.stringify({ reader: name, files }), what: found.what })
      }
    }
  } finally {
    await runner.close()
  }
  for (const [name, { cases, values }] of counts) {
    report.cases += cases
    log(`${name}: ${cases} cases, ${values} of them values`)
  }
  report.seconds = Math.round((performance.now() - start) / 100) / 10
  return report
}

/** What was not mutated must be read. */
async function mustPass(runner: Runner, test: Case): Promise<void> {
  const { fault, value } = await runner.run(test)
  if (fault === undefined && value) return
  throw new Error(`[fuzz] ${test.reader}: expected its own files to be read, got ${fault}`)
}

interface Turn {
  readonly runner: Runner
  readonly name: string
  readonly seed: number
  readonly isNew: (fault: string) => boolean
  readonly over: () => boolean
  readonly count: { cases: number; values: number }
  /** Longest time of the turn, without shrinking. */
  readonly turnMs: number
}

/** Runs some cases of a reader. Returns the first that fails in a new way, shrunk. */
async function turnOf({
  runner,
  name,
  seed,
  isNew,
  over,
  count,
  turnMs
}: Turn): Promise<{ readonly mutation: Mutation; readonly what: string } | undefined> {
  const end = performance.now() + turnMs
  let first: string | undefined
  let until = Number.POSITIVE_INFINITY
  let least: { readonly mutation: Mutation; readonly what: string } | undefined
  await fc.check(
    fc.asyncProperty(mutation, async (mutation) => {
      if (first === undefined && (over() || performance.now() > end)) return
      if (performance.now() > until) return
      const { fault, value } = await runner.run({ reader: name, mutation })
      if (first === undefined) {
        count.cases++
        if (value) count.values++
      }
      if (fault === undefined || !isNew(fault)) return
      // While it shrinks, it must stay the same failure.
      if (first !== undefined && kindOf(fault) !== kindOf(first)) return
      if (first === undefined) until = performance.now() + SHRINKING_MS
      first ??= fault
      least = { mutation, what: fault }
      throw new Error(fault)
    }),
    { seed, numRuns: TURN }
  )
  return least
}

/** Runs cases again that failed once. */
export async function replayReaders(inputs: readonly unknown[]): Promise<(string | undefined)[]> {
  const runner = new Runner()
  try {
    const ends: (string | undefined)[] = []
    for (const input of inputs) ends.push((await runner.run(caseOf(input))).fault)
    return ends
  } finally {
    await runner.close()
  }
}

function caseOf(input: unknown): Case {
  if (isCase(input)) return input
  throw new Error(`[fuzz] expected a reader and its files, got ${JSON.stringify(input)}`)
}

function isCase(input: unknown): input is Case {
  return isRecord(input) && typeof input.reader === 'string' && isRecord(input.files)
}
