/**
 * The campaign `boundary`: calls of the low-level API that no program should make, in child processes. Ops of the
 * table of cases get other fields, shapes, dtypes, layouts and places, and bytes of any kind; the addon's functions
 * get numbers of any kind in any order. Each call must be refused in words or stay within its memory, every promise
 * must settle, and the process must live.
 */
import type { Case } from './boundary/case.ts'
import { draw } from './boundary/draw.ts'
import { Runner } from './boundary/runner.ts'
import { shrink } from './boundary/shrink.ts'
import type { Options } from './options.ts'
import type { Report } from './report.ts'

/** Failures are of a kind if their words differ in numbers alone. */
const kindOf = (fault: string) => fault.replace(/0x[0-9a-f]+|==\d+==|[\d.]+/g, 'N')
/** Kinds of failures after which the campaign ends: each takes time to shrink. */
const MOST_KINDS = 20

/** Runs the campaign. A failure of each kind is shrunk and reported. */
export async function boundary(
  { seconds, seed, log }: Options,
  { campaign = 'boundary', env = {} }: { campaign?: string; env?: NodeJS.ProcessEnv } = {}
): Promise<Report> {
  const start = performance.now()
  const failures: Report['failures'] = []
  const kinds = new Set<string>()
  const runner = new Runner(env)
  let cases = 0
  try {
    for (; performance.now() - start < 1000 * seconds && kinds.size < MOST_KINDS; cases++) {
      const test = draw(seed, cases)
      const fault = await runner.run(test)
      if (fault === undefined) continue
      const kind = `${test.kind === 'op' ? test.op : ''} ${kindOf(fault)}`
      if (kinds.has(kind)) continue
      kinds.add(kind)
      log(`case ${cases}: ${fault}`)
      const same = async (next: Case) => {
        const found = await runner.run(next)
        return found !== undefined && kindOf(found) === kindOf(fault)
      }
      const input = JSON.stringify(await shrink(test, same))
      failures.push({ input, what: fault })
    }
  } finally {
    runner.close()
  }
  const took = Math.round((performance.now() - start) / 100) / 10
  return { campaign, seed, cases, seconds: took, failures }
}

/** Runs cases of test/regressions/ again. Returns for each why it fails; undefined if it does not. */
export async function replayBoundary(
  inputs: readonly unknown[],
  env: NodeJS.ProcessEnv = {}
): Promise<(string | undefined)[]> {
  const runner = new Runner(env)
  try {
    const faults: (string | undefined)[] = []
    for (const input of inputs) faults.push(await runner.run(input as Case))
    return faults
  } finally {
    runner.close()
  }
}
