/** What the state of a run must be, whoever gives it: a snapshot in memory, or a file. */
import type { Plateau } from '../../optim/schedule.ts'
import {
  type Fault,
  f32,
  list,
  maybe,
  number,
  oneOf,
  type Rule,
  record,
  seed,
  whole
} from '../../util/check/rules.ts'
import type { RateChange } from './learning-rate.ts'
import type { LossScaleState } from './loss-scale.ts'
import type { TrainState } from './train-state.ts'
import type { Best, ValidationState } from './validation.ts'

const count = whole({ from: 0 })
const rate = f32({ from: 0 })

const rateChange = record<RateChange>({ step: whole({ from: 1 }), old: rate, lr: rate })
const lossScale = record<LossScaleState>({
  // Of both ends the inverse is finite in f32, too.
  scale: number({ from: 2 ** -126, to: 2 ** 126 }),
  good: count,
  skipped: count,
  unheeded: list(oneOf('good', 'overflow', 'skipped'), { most: 2 })
})
const best = record<Best>({ step: count, error: number({ from: 0, to: 1 }), loss: number() })
/** The state of a schedule that follows the validations. */
export const plateauRule = record<Plateau['state']>({
  factor: f32({ from: 0, to: 1 }),
  best: maybe(number()),
  waited: count
})

const validation = record<ValidationState>({
  step: count,
  best: maybe(best),
  waited: count,
  plateau: maybe(plateauRule)
})

/** The bounds of a state, and what must hold between its numbers. Its place in the set is checked with the set. */
export const trainStateRule: Rule = record<TrainState>(
  {
    step: count,
    epoch: count,
    position: count,
    seed,
    images: maybe(whole({ from: 1 })),
    steps: maybe(count),
    lossScale: maybe(lossScale),
    rates: maybe(list(rateChange)),
    validation: maybe(validation)
  },
  { open: true, also: ofOtherSteps }
)

/** Finds what cannot have been by the state's step. */
function ofOtherSteps({
  step,
  steps,
  lossScale,
  rates,
  validation
}: TrainState): Fault | undefined {
  const by: Readonly<Record<string, number | undefined>> = {
    'lossScale.good': lossScale?.good,
    'lossScale.skipped': lossScale?.skipped,
    'rates, the last step': rates?.at(-1)?.step,
    'validation.step': validation?.step,
    'validation.waited': validation?.waited,
    'validation.best.step': validation?.best?.step
  }
  for (const [path, value] of Object.entries(by)) {
    if (value !== undefined && value > step) {
      return { path, expected: `at most ${step}, the steps that were made`, got: String(value) }
    }
  }
  if (steps !== undefined && steps < step) {
    return {
      path: 'steps',
      expected: `at least ${step}, the steps that were made`,
      got: `${steps}`
    }
  }
  return undefined
}
