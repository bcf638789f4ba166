/** What the options of `train` must be. */

import { anImageSet } from '../data/rules.ts'
import { decayRule, momentumRule, optimizerRule } from '../optim/optimizer.ts'
import {
  callback,
  dictionary,
  either,
  type Fault,
  f32,
  map,
  maybe,
  number,
  positive,
  type Rule,
  record,
  seed,
  signal,
  whole
} from '../util/check/rules.ts'
import { evaluateRules } from './evaluate/evaluate.ts'
import { inputRule } from './input/input-rule.ts'
import type { RateControl } from './loop/learning-rate.ts'
import { lossScaleRule } from './loop/loss-scale.ts'
import { samplingRule } from './loop/sampling.ts'
import { trainStateRule } from './loop/state-rules.ts'
import type { Snapshot } from './loop/train-state.ts'
import type { ValidationOptions } from './loop/validation.ts'
import type { CheckpointOptions, TrainOptions } from './options.ts'
import type { WatchOptions } from './watch/options.ts'

const snapshot = record<Snapshot>({ state: trainStateRule, weights: map, optimizer: map })

const { signal: _, ...evaluation } = evaluateRules
const validation = record<ValidationOptions>({
  ...evaluation,
  set: anImageSet,
  every: maybe(whole({ from: 1 })),
  patience: maybe(whole({ from: 1 })),
  onResult: maybe(callback)
})

/** Of options that decide a step, which a range test takes, too. */
export const stepRules = {
  optimizer: maybe(optimizerRule),
  courses: maybe(callback),
  rates: maybe(dictionary(f32({ from: 0 }))),
  input: maybe(inputRule),
  labelSmoothing: maybe(f32({ from: 0, below: 1 })),
  clipNorm: maybe(positive),
  accumulate: maybe(whole({ from: 1 })),
  seed: maybe(seed),
  signal: maybe(signal)
}

export const trainRule: Rule = record<TrainOptions>(
  {
    ...stepRules,
    lr: f32({ from: 0 }),
    epochs: maybe(number({ from: 0 })),
    steps: maybe(either(whole({ from: 0 }), callback)),
    momentum: maybe(momentumRule),
    weightDecay: maybe(decayRule),
    schedule: maybe(callback),
    control: maybe(
      record<RateControl>({ wanted: callback, onChange: maybe(callback) }, { open: true })
    ),
    sampling: maybe(samplingRule),
    ema: maybe(f32({ from: 0, below: 1 })),
    lossScale: maybe(lossScaleRule),
    from: maybe(snapshot),
    validation: maybe(validation),
    watch: maybe(
      record<WatchOptions>({
        every: maybe(whole({ from: 2 })),
        onDiagnosis: callback,
        onMeasured: maybe(callback)
      })
    ),
    checkpoint: maybe(
      record<CheckpointOptions>({
        every: maybe(whole({ from: 1 })),
        seconds: maybe(number({ from: 0 })),
        save: callback
      })
    ),
    onTimeline: maybe(callback)
  },
  { also: ignored }
)

/** Finds an option that another one would make without effect. */
function ignored({
  momentum,
  weightDecay,
  optimizer,
  steps,
  epochs,
  seed,
  from
}: TrainOptions): Fault | undefined {
  for (const [path, value] of Object.entries({ momentum, weightDecay })) {
    if (optimizer === undefined || value === undefined) continue
    const expected = `none beside optimizer, which has its own`
    return { path, expected, got: `${value}; give it to sgd() or adam()` }
  }
  if (typeof steps === 'number' && epochs !== undefined) {
    return { path: 'epochs', expected: 'none beside a number of steps', got: String(epochs) }
  }
  if (seed !== undefined && from && seed !== from.state.seed) {
    const expected = `${from.state.seed}, as in the snapshot to resume from`
    return { path: 'seed', expected, got: `${seed}; leave it out` }
  }
  return undefined
}
