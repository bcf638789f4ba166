import type { Parameter } from '../../net/graph/parameter.ts'
import type { Net } from '../../net/net.ts'
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
import type { WatchOptions } from './options.ts'
import { measureRelus, type ReluStats } from './relu-stats.ts'
import { sample } from './samples.ts'
import { sampleWeights, updateRatios, type WeightSamples } from './update-ratios.ts'

/** The rates of the step that is checked. */
export interface WatchedStep {
  /** The learning rate, with the schedule's factor. */
  readonly rate: number
  /** The factor on the run's rate that a parameter should have, with the schedule's. */
  readonly factorOf: (parameter: Parameter) => number
  /** Images seen since the run's beginning: a step may take several batches. */
  readonly seen: number
}

/** What is measured before the step that is checked. */
interface Before {
  readonly weights: WeightSamples
  readonly relus: readonly ReluStats[]
  readonly dead: ReluStats | undefined
}

/**
 * Diagnoses failures of a run: measures ReLUs and weights between two steps. It reads samples and runs forward passes
 * of its own, outside the recorded step, so that steps take the same time and give the same numbers as without it.
 */
export class Watcher {
  readonly #trainer: Trainer
  readonly #every: number
  readonly #onDiagnosis: WatchOptions['onDiagnosis']
  readonly #onMeasured: WatchOptions['onMeasured']
  /** Failures that were reported; of dead ReLUs, the layers. */
  readonly #reported = new Set<Diagnosis['kind']>()
  readonly #reportedDead = new Set<string | undefined>()
  /** Measurements in a row that were beyond a limit. */
  readonly #strikes = { exploding: 0, vanishing: 0 }
  /** Steps done at the next check. */
  #next: number
  #before: Before | undefined
  #loss = 0
  #losses = 0
  #skipped = false

  /**
   * A resumed run is watched like a new one: a failure may be reported again.
   * @param step steps done
   */
  constructor(trainer: Trainer, options: WatchOptions, step: number) {
    const { every = 200, onDiagnosis, onMeasured } = options
    this.#trainer = trainer
    this.#every = every
    this.#onDiagnosis = onDiagnosis
    this.#onMeasured = onMeasured
    this.#next = this.#after(step)
  }

  /** The first regular check after a step. */
  #after(step: number): number {
    return (Math.floor(step / this.#every) + 1) * this.#every
  }

  /** Counts a step that is done. */
  observe(loss: number, skipped: boolean): void {
    if (Number.isFinite(loss)) {
      this.#loss += loss
      this.#losses++
    }
    this.#skipped = skipped
  }

  /** True if it is time for `check`. */
  due(step: number): boolean {
    return step >= this.#next
  }

  /**
   * Measures, twice for each check: before a step and after it. No step may be in flight.
   * @param step steps done
   */
  async check(step: number, made: WatchedStep): Promise<void> {
    const { net } = this.#trainer
    const before = this.#before
    this.#before = undefined
    if (!before) {
      const relus = await this.#relus()
      this.#before = { weights: await sampleWeights(net), relus, dead: deadRelu(relus) }
      this.#next = step + 1
      return
    }
    if (this.#skipped) {
      // There was no update, and there may be none in the next step.
      this.#next = step + 2
      return
    }
    const guessing = this.#guessing(made.seen, net)
    const weights = updateRatios(before.weights, await sampleWeights(net), made.factorOf)
    await this.#onMeasured?.({ step, relus: before.relus, weights })
    const relus = before.dead || guessing !== undefined ? await this.#relus() : []
    const evidence = { step, rate: made.rate, relus, weights }
    await this.#judge(net, evidence, before.dead, guessing)
    const suspicious = this.#strikes.exploding > 0 || this.#strikes.vanishing > 0
    this.#next = suspicious ? step + Math.ceil(this.#every / 10) : this.#after(step)
  }

  /** Measures the ReLUs on the batch of the last step. */
  #relus(): Promise<readonly ReluStats[]> {
    return measureRelus(this.#trainer.again())
  }

  /** The mean loss since the last regular check, if it is that of guessing after enough images. */
  #guessing(seen: number, net: Net): number | undefined {
    if (this.#losses < this.#every) return undefined
    const loss = this.#loss / this.#losses
    this.#loss = 0
    this.#losses = 0
    const long = seen >= limits.images * net.classes
    return long && isGuessing(loss, net.classes) ? loss : undefined
  }

  /** Reports the first failure that applies: it explains the later ones. */
  async #judge(
    net: Net,
    evidence: Evidence,
    deadBefore: ReluStats | undefined,
    guessing: number | undefined
  ): Promise<void> {
    const { relus, weights } = evidence
    // It must be dead for two batches.
    const dead = deadRelu(relus)
    if (dead && dead.layer === deadBefore?.layer) {
      const bias = await meanBias(net, dead.layer)
      return this.#report(deadDiagnosis(evidence, dead, bias))
    }
    const exploding = this.#count('exploding', explodingWeights(weights))
    // A rate that is too high saturates activations, and their gradients vanish.
    const faint = this.#reported.has('exploding') ? undefined : vanishingWeights(weights)
    const vanishing = this.#count('vanishing', faint)
    if (exploding.sure) return this.#report(explodingDiagnosis(evidence, exploding.sure))
    if (vanishing.sure) return this.#report(vanishingDiagnosis(evidence, vanishing.sure))
    if (guessing === undefined || exploding.seen || vanishing.seen) return
    await this.#report(plateauDiagnosis(evidence, guessing, net.classes))
  }

  /** Counts a measurement. A failure that was reported is not counted again. */
  #count<T>(kind: 'exploding' | 'vanishing', seen: T | undefined): { seen: boolean; sure?: T } {
    if (seen === undefined || this.#reported.has(kind)) {
      this.#strikes[kind] = 0
      return { seen: seen !== undefined }
    }
    if (++this.#strikes[kind] < limits.measurements) return { seen: true }
    this.#strikes[kind] = 0
    return { seen: true, sure: seen }
  }

  /** Reports that the run ends, as a value was not finite. */
  async ended(step: number, { layer, message }: NonFiniteError): Promise<void> {
    const text = message.replace(/^\[train\] /, '')
    await this.#onDiagnosis({ kind: 'not-finite', step, ...(layer && { layer }), text })
  }

  async #report(diagnosis: Diagnosis): Promise<void> {
    const { kind, layer } = diagnosis
    if (kind === 'dead' ? this.#reportedDead.has(layer) : this.#reported.has(kind)) return
    if (kind === 'dead') this.#reportedDead.add(layer)
    else this.#reported.add(kind)
    await this.#onDiagnosis(diagnosis)
  }
}

/** The mean of a layer's biases, or of batch norm's shifts. */
async function meanBias(net: Net, layer: string): Promise<number | undefined> {
  const parameter = net.parameters.trained.find(
    ({ layer: its, dims, kind }) => its === layer && dims.length === 1 && kind !== 'scale'
  )
  const stream = parameter && net.placement.parts[parameter.part]?.stream
  if (!parameter || !stream) return undefined
  const values = await sample(stream, parameter.master.place, 16)
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
