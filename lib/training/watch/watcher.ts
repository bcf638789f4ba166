/**
 * Watches over a run: looks at its ReLUs and weights now and then, at a pause between two steps, and says what is
 * wrong with it. It reads back samples and runs forward passes of its own, outside of the recorded step, so that
 * steps cost what they cost without it, and their numbers are the same.
 */

import type { Parameter } from '../../net/graph/parameter.ts'
import type { Net } from '../../net/net.ts'
import { requireNumber } from '../../util/require.ts'
import type { NonFiniteError } from '../step/non-finite-error.ts'
import type { Trainer } from '../step/trainer.ts'
import {
  type Diagnosis,
  deadDiagnosis,
  deadRelu,
  type Evidence,
  explodingDiagnosis,
  explodingWeights,
  isGuessing,
  limits,
  plateauDiagnosis,
  vanishingDiagnosis,
  vanishingWeights
} from './diagnosis.ts'
import { lookAtRelus, type ReluLook } from './relu-looks.ts'
import { sample } from './samples.ts'
import { compareWeights, readWeights, type Weights } from './weight-looks.ts'

export interface WatchOptions {
  /** Steps from one look to the next; what seems wrong is looked at again after a tenth of them. Default 200. */
  readonly every?: number | undefined
  /** Told of each failure once, between steps; of one that ends the run, before it ends. */
  readonly onDiagnosis: (diagnosis: Diagnosis) => void | Promise<void>
}

/** How a step was made that is looked at. */
export interface WatchedStep {
  /** The rate, with the schedule's factor. */
  readonly rate: number
  /** The factor on the run's rate that a parameter is meant to have, the schedule's included. */
  readonly factorOf: (parameter: Parameter) => number
}

/** What is read before a step and compared with what it leaves. */
interface Before {
  readonly weights: Weights
  readonly dead: ReluLook | undefined
}

export class Watcher {
  readonly #trainer: Trainer
  readonly #every: number
  readonly #onDiagnosis: WatchOptions['onDiagnosis']
  readonly #told = new Set<string>()
  /** How many measurements in a row were beyond a limit. */
  readonly #strikes = { exploding: 0, vanishing: 0 }
  /** Steps done at the next look. */
  #next: number
  #before: Before | undefined
  #loss = 0
  #losses = 0
  #skipped = false

  /**
   * A run that goes on is watched as one that begins: what was told before may be told once more.
   * @param step steps done
   */
  constructor(trainer: Trainer, { every = 200, onDiagnosis }: WatchOptions, step: number) {
    requireNumber('watch.every', every, 2)
    this.#trainer = trainer
    this.#every = Math.round(every)
    this.#onDiagnosis = onDiagnosis
    this.#next = this.#after(step)
  }

  /** The first regular look after a step. */
  #after(step: number): number {
    return (Math.floor(step / this.#every) + 1) * this.#every
  }

  /** Told of each step that is done. */
  observe(loss: number, skipped: boolean): void {
    if (Number.isFinite(loss)) {
      this.#loss += loss
      this.#losses++
    }
    this.#skipped = skipped
  }

  /** Whether it is time for `look`. */
  due(step: number): boolean {
    return step >= this.#next
  }

  /**
   * Looks, where nothing is under way: before a step and after it.
   * @param step steps done
   */
  async look(step: number, made: WatchedStep): Promise<void> {
    const { net } = this.#trainer
    const before = this.#before
    this.#before = undefined
    if (!before) {
      const dead = deadRelu(await this.#relus())
      this.#before = { weights: await readWeights(net), dead }
      this.#next = step + 1
      return
    }
    if (this.#skipped) {
      // Its update was not made, and the next one may not be either.
      this.#next = step + 2
      return
    }
    const guessing = this.#guessing(step, net)
    const weights = compareWeights(before.weights, await readWeights(net), made.factorOf)
    const relus = before.dead || guessing !== undefined ? await this.#relus() : []
    const evidence = { step, rate: made.rate, relus, weights }
    await this.#judge(net, evidence, before.dead, guessing)
    const suspicious = this.#strikes.exploding > 0 || this.#strikes.vanishing > 0
    this.#next = suspicious ? step + Math.ceil(this.#every / 10) : this.#after(step)
  }

  /** Those of the batch of the last step. */
  #relus(): Promise<readonly ReluLook[]> {
    return lookAtRelus(this.#trainer.again())
  }

  /** The mean loss since the last regular look, where it is that of guessing and has had the time to be less. */
  #guessing(step: number, net: Net): number | undefined {
    if (this.#losses < this.#every) return undefined
    const loss = this.#loss / this.#losses
    this.#loss = 0
    this.#losses = 0
    const long = step * net.batch >= limits.images * net.classes
    return long && isGuessing(loss, net.classes) ? loss : undefined
  }

  /** The first that applies explains those behind it. */
  async #judge(
    net: Net,
    evidence: Evidence,
    deadBefore: ReluLook | undefined,
    guessing: number | undefined
  ): Promise<void> {
    const { relus, weights } = evidence
    // Of two batches.
    const dead = deadRelu(relus)
    if (dead && dead.layer === deadBefore?.layer) {
      const bias = await meanBias(net, dead.layer)
      return this.#tell(deadDiagnosis(evidence, dead, bias))
    }
    const exploding = this.#count('exploding', explodingWeights(weights))
    // A rate that is too high drives what saturates to where gradients are 0.
    const faint = this.#told.has('exploding') ? undefined : vanishingWeights(weights)
    const vanishing = this.#count('vanishing', faint)
    if (exploding.sure) return this.#tell(explodingDiagnosis(evidence, exploding.sure))
    if (vanishing.sure) return this.#tell(vanishingDiagnosis(evidence, vanishing.sure))
    if (guessing === undefined || exploding.seen || vanishing.seen) return
    await this.#tell(plateauDiagnosis(evidence, guessing, net.classes))
  }

  /** Counts a measurement; what was told already is not looked for. */
  #count<T>(kind: 'exploding' | 'vanishing', seen: T | undefined): { seen: boolean; sure?: T } {
    if (seen === undefined || this.#told.has(kind)) {
      this.#strikes[kind] = 0
      return { seen: seen !== undefined }
    }
    if (++this.#strikes[kind] < limits.measurements) return { seen: true }
    this.#strikes[kind] = 0
    return { seen: true, sure: seen }
  }

  /** The run ends, since a value was not finite. */
  async ended(step: number, { layer, message }: NonFiniteError): Promise<void> {
    const text = message.replace(/^\[train\] /, '')
    await this.#onDiagnosis({ kind: 'not-finite', step, ...(layer && { layer }), text })
  }

  async #tell(diagnosis: Diagnosis): Promise<void> {
    const { kind, layer } = diagnosis
    const key = kind === 'dead' ? `${kind} ${layer}` : kind
    if (this.#told.has(key)) return
    this.#told.add(key)
    await this.#onDiagnosis(diagnosis)
  }
}

/** The mean of a layer's biases, or of what batch norm adds. */
async function meanBias(net: Net, layer: string): Promise<number | undefined> {
  const parameter = net.parameters.trained.find(
    ({ layer: its, dims, kind }) => its === layer && dims.length === 1 && kind !== 'scale'
  )
  const stream = parameter && net.placement.parts[parameter.part]?.stream
  if (!parameter || !stream) return undefined
  const values = await sample(stream, parameter.master.place, 16)
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
