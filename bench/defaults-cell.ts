/** One cell of the table in docs/defaults.md: how a net begins to learn a set by the defaults of the command line. */
import { trainArguments } from '../lib/cli/train/arguments.ts'
import type { Dataset } from '../lib/data/dataset.ts'
import type { Device } from '../lib/engine/device.ts'
import { netByName } from '../lib/net/models/index.ts'
import { evenStart } from '../lib/net/models/start.ts'
import { planOf } from '../lib/run/recipes/plan.ts'
import { resolveSettings, type TrainSettings } from '../lib/run/settings.ts'
import { NonFiniteError, train } from '../lib/training/train.ts'

/** What is trained. */
export interface Cell {
  readonly net: string
  readonly data: Dataset
  readonly batch: number
  /** Pixels a side of the input, for a test that takes less time. Default: the net's. */
  readonly size?: number
}

/** What came of it. */
export interface CellResult {
  /** Steps that were made: up to the one that shows that the net learns, or `MOST`. */
  readonly steps: number
  /** The last of the 20 steps whose mean loss is below `LEARNS` of guessing's; null: there are none. */
  readonly learns: number | null
  /** The loss of the first step, as a share of guessing's, which is ln(classes). */
  readonly first: number
  /** The largest loss after step 5, as a share of guessing's. */
  readonly largest: number
  /** The mean loss of the last 20 steps, as a share of guessing's. */
  readonly last: number
  /** True if a loss or a gradient was not finite. */
  readonly blown: boolean
}

/** Steps at most, and at least. */
export const MOST = 400
export const LEAST = 40
/** Steps whose losses are averaged. */
const WINDOW = 20
/** The share of guessing's loss below which a net has begun to learn. */
export const LEARNS = 0.95

/** Trains until the net is seen to learn. */
export async function runCell(
  device: Device,
  { net, data, batch, size }: Cell
): Promise<CellResult> {
  const line = ['--net', net, '--batch', `${batch}`, '--steps', `${MOST}`]
  const { settings: given, defaults } = await trainArguments(line)
  const settings = resolveSettings(given, undefined, { ...defaults, dtype: 'f32' }, false)
  const { definition: whole, optimizer, schedule, input, data: suited } = planOf(settings, data)
  const definition = size === undefined ? whole : sized(settings, suited, size)
  const { lr, seed, clipNorm } = settings
  await using built = await definition.build(device, { batch, seed, optimizer })
  const guess = Math.log(data.classes.length)
  const shares: number[] = []
  let learns: number | null = null
  let blown = false
  const options = { optimizer, schedule, input, lr, seed, clipNorm, steps: MOST }
  try {
    for await (const { loss, step } of train(built, suited.train, options)) {
      shares.push(loss / guess)
      if (step >= WINDOW && mean(shares.slice(-WINDOW)) < LEARNS) learns ??= step
      if (learns !== null && step >= LEAST) break
    }
  } catch (error) {
    if (!(error instanceof NonFiniteError)) throw error
    blown = true
  }
  return {
    steps: shares.length,
    learns,
    first: shares[0] ?? Number.NaN,
    largest: Math.max(...shares.slice(5)),
    last: mean(shares.slice(-WINDOW)),
    blown
  }
}

/** The same net and start, with another input. */
function sized({ net, start }: TrainSettings, { train, classes }: Dataset, size: number) {
  const definition = netByName(net, { size, channels: train.channels, classes: classes.length })
  return start === 'even' ? evenStart(definition) : definition
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
