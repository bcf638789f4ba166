/** The campaign of nets: random nets, trained a little here and in PyTorch. */
import fc from 'fast-check'
import { openDevices } from '../../../lib/index.ts'
import type { Options } from '../options.ts'
import type { Report } from '../report.ts'
import { type DrawnNet, drawnNet } from './draw.ts'
import { layersOf } from './layers.ts'
import { runNet } from './run.ts'
import { Torch } from './torch.ts'

/** Nets of one seed. */
const TURN = 50
const SHRINKING_MS = 60_000

/** What nets need: two devices, and PyTorch. */
async function opened<Result>(
  work: (run: (drawn: DrawnNet) => Promise<string | undefined>) => Promise<Result>
): Promise<Result> {
  await using devices = await openDevices(['cpu:0', 'cpu:1'], { threads: 1 })
  const torch = await Torch.open()
  try {
    return await work(async (drawn) => {
      try {
        return await runNet(drawn, devices, torch)
      } catch (error) {
        return `failed: ${error instanceof Error ? error.message : String(error)}`
      }
    })
  } finally {
    await torch.close()
  }
}

/** The kind of a failure, so that each is shrunk once: what differs, without its numbers. */
const kindOf = (what: string) => what.replace(/[\d.]+(e[+-]\d+)?/g, '#').slice(0, 30)

/** Draws nets until the time is over. */
export function nets({ seconds, seed, log }: Options): Promise<Report> {
  return opened(async (run) => {
    const start = performance.now()
    const over = () => performance.now() - start > seconds * 1000
    const report: Report = { campaign: 'nets', seed, cases: 0, seconds: 0, failures: [] }
    const known = new Set<string>()
    for (let turn = 0; !over(); turn++) {
      let first: string | undefined
      let until = Number.POSITIVE_INFINITY
      let least: { readonly drawn: DrawnNet; readonly what: string } | undefined
      const property = fc.asyncProperty(drawnNet, async (drawn) => {
        if (first === undefined ? over() : performance.now() > until) return
        const what = await run(drawn)
        if (first === undefined) report.cases++
        if (what === undefined || known.has(kindOf(what))) return
        if (first !== undefined && kindOf(what) !== kindOf(first)) return
        if (first === undefined) until = performance.now() + SHRINKING_MS
        first ??= what
        least = { drawn, what }
        throw new Error(what)
      })
      await fc.check(property, { seed: seed + turn, numRuns: TURN })
      if (!least) continue
      known.add(kindOf(least.what))
      log(`${least.what}: ${JSON.stringify(least.drawn)}`)
      const kept = { ...least.drawn, spec: layersOf(least.drawn) }
      report.failures.push({ input: JSON.stringify(kept), what: least.what })
    }
    report.seconds = Math.round((performance.now() - start) / 100) / 10
    return report
  })
}

/** Runs nets again that differed once. */
export async function replayNets(inputs: readonly unknown[]): Promise<(string | undefined)[]> {
  if (inputs.length === 0) return []
  return opened(async (run) => {
    const ends: (string | undefined)[] = []
    for (const input of inputs) ends.push(await run(input as DrawnNet))
    return ends
  })
}
