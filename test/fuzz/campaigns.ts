/** The campaigns of `npm run fuzz`. A new one is an entry here. */
import { withoutPytorch } from '../pytorch/run.ts'
import { boundary, replayBoundary } from './boundary.ts'
import { boundaryCuda, replayBoundaryCuda, withoutDouble } from './boundary-cuda.ts'
import { nets, replayNets } from './nets/campaign.ts'
import type { Options } from './options.ts'
import { readers, replayReaders } from './readers/campaign.ts'
import type { Report } from './report.ts'

/** A campaign, and how its cases are run again. */
export interface Campaign {
  /** Why it cannot run here; undefined if it can. */
  readonly skip?: string | undefined
  readonly run: (options: Options) => Promise<Report>
  /** Runs cases of test/regressions/ again. Returns for each why it fails; undefined if it does not. */
  readonly replay: (inputs: readonly unknown[]) => Promise<(string | undefined)[]>
}

export const campaigns: Readonly<Record<string, Campaign>> = {
  boundary: { run: boundary, replay: replayBoundary },
  'boundary-cuda': { skip: withoutDouble, run: boundaryCuda, replay: replayBoundaryCuda },
  readers: { run: readers, replay: replayReaders },
  nets: { skip: withoutPytorch, run: nets, replay: replayNets }
}
