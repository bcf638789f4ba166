/** Reads the state of a run from JSON. Each reader calls `wrong` for what is not a state. */

import type { RateChange } from '../training/loop/learning-rate.ts'
import type { LossScaleState, ScaledOutcome } from '../training/loop/loss-scale.ts'
import { trainStateRule } from '../training/loop/state-rules.ts'
import type { TrainState } from '../training/loop/train-state.ts'
import type { Best, ValidationState } from '../training/loop/validation.ts'
import { f32 } from '../util/check/rules.ts'
import { isJsonObject, type Json, type JsonObject } from '../util/files/json.ts'
import { shown } from '../util/foreign.ts'

/** What `train` takes. */
const rate = f32({ from: 0 })

/** Throws an error that names the file. */
export type Wrong = (expected: string, got: string) => never

/** @param whole the number of steps that the state must say */
export function readTrainState(value: Json | undefined, whole: number, wrong: Wrong): TrainState {
  const train = objectOf(value)
  const { step, epoch, position, seed, images, steps, lossScale, rates, validation } = train
  if (!isCount(step) || !isCount(epoch) || !isCount(position) || !isCount(seed)) {
    wrong('step, epoch, position and seed in its state, whole numbers from 0', shown(value))
  }
  if (step !== whole) wrong(`step ${whole} in its state`, shown(step))
  if (images !== undefined && !isCount(images)) wrong('a whole number of images', shown(images))
  if (steps !== undefined && !isCount(steps)) wrong('a whole number of steps in all', shown(steps))
  const state: TrainState = {
    step,
    epoch,
    position,
    seed,
    ...(images !== undefined && { images }),
    ...(steps !== undefined && { steps }),
    ...(lossScale !== undefined && { lossScale: readLossScale(lossScale, wrong) }),
    ...(rates !== undefined && { rates: readRates(rates, wrong) }),
    ...(validation !== undefined && { validation: readValidation(validation, step, wrong) })
  }
  const fault = trainStateRule.fault(state)
  if (fault) wrong(`${fault.expected} as ${fault.path} in its state`, fault.got)
  return state
}

function readLossScale(value: Json, wrong: Wrong): LossScaleState {
  const { scale, good, skipped, unheeded } = objectOf(value)
  const known = Array.isArray(unheeded) ? unheeded.filter(isOutcome) : []
  const whole = Array.isArray(unheeded) && known.length === unheeded.length && known.length <= 2
  if (!isNumber(scale) || !(scale > 0) || !isCount(good) || !isCount(skipped) || !whole) {
    wrong('scale, good, skipped and unheeded in its loss scale', shown(value))
  }
  return { scale, good, skipped, unheeded: known }
}

/** Changes of a run's learning rate, in order. */
export function readRates(value: Json, wrong: Wrong): readonly RateChange[] {
  const changes = Array.isArray(value) ? value.map(objectOf) : [{}]
  let last = 0
  return changes.map(({ step, old, lr }) => {
    if (!isCount(step) || !isRate(old) || !isRate(lr)) {
      wrong('step, old and lr in each of its rates', shown(value))
    }
    if (step <= last) wrong('rates in the order of their steps, from 1', shown(value))
    last = step
    return { step, old, lr }
  })
}

/** @param done steps that were done by then */
function readValidation(value: Json, done: number, wrong: Wrong): ValidationState {
  const { step, best, waited, plateau } = objectOf(value)
  if (!isCount(step) || !isCount(waited)) {
    wrong('step, best and waited in its validation', shown(value))
  }
  const state = { step, waited, ...(best !== undefined && { best: readBest(best, wrong) }) }
  if ((state.best?.step ?? 0) > step || step > done) {
    wrong(`a validation by step ${done}`, shown(value))
  }
  if (plateau === undefined) return state
  const { factor, best: least, waited: idle } = objectOf(plateau)
  if (!isNumber(factor) || !(least === undefined || isNumber(least)) || !isCount(idle)) {
    wrong('factor, best and waited in its plateau', shown(plateau))
  }
  const known = least === undefined ? {} : { best: least }
  return { ...state, plateau: { factor, ...known, waited: idle } }
}

function readBest(value: Json, wrong: Wrong): Best {
  const { step, error, loss } = objectOf(value)
  if (isCount(step) && isNumber(error) && isNumber(loss)) return { step, error, loss }
  return wrong(
    'step, best and waited in its validation, the best with step, error and loss',
    shown(value)
  )
}

function objectOf(value: Json | undefined): JsonObject {
  return value !== undefined && isJsonObject(value) ? value : {}
}

function isOutcome(value: unknown): value is ScaledOutcome {
  return value === 'good' || value === 'overflow' || value === 'skipped'
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

function isRate(value: unknown): value is number {
  return rate.fault(value) === undefined
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}
