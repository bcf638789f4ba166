/** Opens the net of a run for inference. */
import type { ImageSet } from '../data/dataset.ts'
import { anImageSet } from '../data/rules.ts'
import type { Device } from '../engine/device.ts'
import { devices } from '../engine/rules.ts'
import { type FloatDType, floatDTypes } from '../native/dtype.ts'
import type { PublicTensor } from '../net/graph/public-tensors.ts'
import type { Net } from '../net/net.ts'
import { type Parallel, parallelRule } from '../net/placement/placement.ts'
import { checkArguments, checkOptions } from '../util/check/check.ts'
import { maybe, oneOf, record, text, whole } from '../util/check/rules.ts'
import type { Preprocessing } from '../weights/onnx/preprocessing.ts'
import { preprocessingOf } from './preprocessing.ts'
import { RunError } from './run-error.ts'
import { type RunFacts, type RunSelection, readRun, selectionRules } from './run-facts.ts'
import { type SuitedSet, suited } from './suited.ts'
import { readWeights } from './weights.ts'

export { RunError } from './run-error.ts'
export { type RunFacts, type RunSelection, readRun } from './run-facts.ts'

/** Options of `openTrained`. */
export interface TrainedOptions extends RunSelection {
  /** Images in a batch. Default 64. */
  readonly batch?: number
  /** Dtype to compute in. Default: the preferred one of the first device. */
  readonly dtype?: FloatDType
  /** How several devices share the net, as in `build`. */
  readonly parallel?: Parallel
}

const trainedOptions = record<TrainedOptions>({
  ...selectionRules,
  batch: maybe(whole({ from: 1 })),
  dtype: maybe(oneOf(...floatDTypes)),
  parallel: maybe(parallelRule)
})

/** A trained net, open on a device; `openTrained` makes it. Close it when it is done. */
export class Trained {
  /** What the run's folder says of the net. */
  readonly facts: RunFacts
  /** The net, built for inference. */
  readonly net: Net

  /** @internal */
  constructor(facts: RunFacts, net: Net) {
    this.facts = facts
    this.net = net
  }

  /** Names of the classes, in the order of the net's outputs; of a net that was cut, those of the whole. */
  get classes(): readonly string[] {
    return this.facts.data.classes
  }

  /**
   * What the run does to a picture before it is the net's input, for `exportOnnx`.
   *
   * @example
   * await exportOnnx(trained.net, 'net.onnx', { preprocessing: trained.preprocessing })
   */
  get preprocessing(): Preprocessing {
    return preprocessingOf(this.facts)
  }

  /**
   * Adapts labelled images to the net: it translates labels by class name, and takes the mean and standard deviation
   * of training.
   *
   * @throws DataError if a class is not one of the net's, or the images have another number of channels
   */
  take(set: ImageSet): SuitedSet {
    checkArguments('data', { set: [set, anImageSet] })
    return suited(set, this.facts.data)
  }

  /**
   * Adapts images to the net and ignores their labels, such as for `outputs`.
   * @throws DataError if the images have another number of channels
   */
  takeUnlabelled(set: ImageSet): SuitedSet {
    checkArguments('data', { set: [set, anImageSet] })
    return suited(set, this.facts.data, { width: this.net.classes })
  }

  /** Frees the net's memory. */
  close(): Promise<void> {
    return this.net.close()
  }

  /** Calls `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/**
 * Opens a run's net for inference.
 *
 * @param folder the folder that `alexnode train --out` or `openTraining` names
 * @param on a device, or several that share the net
 * @param options default: the whole net with its final weights, in batches of 64
 * @throws RunError if there is no run, or its weights are missing, not finite, or another net's
 * @throws LayerError if the net has no such layer
 * @throws DamagedFileError, DiskError if a file cannot be read
 *
 * @example
 * await using trained = await openTrained('runs/fashion', device)
 * console.log(await evaluate(trained.net, trained.take(data.test)))
 */
export async function openTrained(
  folder: string,
  on: Device | readonly Device[],
  options: TrainedOptions = {}
): Promise<Trained> {
  checkArguments('run', { folder: [folder, text], on: [on, devices] })
  checkOptions('run', options, trainedOptions)
  const { layer, weights, definition } = options
  const facts = await readRun(folder, { layer, weights, definition })
  const first = 'id' in on ? on : on[0]
  const { batch = 64, dtype = first?.preferredDType.dtype ?? 'f32', parallel } = options
  const build = { batch, dtype, training: false, ...(parallel && { parallel }) }
  const net = await facts.definition.build(on, build)
  try {
    const all = await readWeights(facts)
    const names = new Set(net.parameters.all.map(({ name }) => name))
    // A net that was cut has fewer parameters than the file.
    const kept = options.layer === undefined ? all : [...all].filter(([name]) => names.has(name))
    await importWeights(net, new Map(kept), facts)
    return new Trained(facts, net)
  } catch (error) {
    await net.close()
    throw error
  }
}

/** @throws RunError if the weights are another net's */
async function importWeights(
  net: Net,
  tensors: ReadonlyMap<string, PublicTensor>,
  { weights, definition }: RunFacts
): Promise<void> {
  try {
    await net.parameters.import(net.stream, tensors)
  } catch (error) {
    if (!(error instanceof Error) || fit(net, tensors)) throw error
    throw new RunError(
      `[run] ${weights}: expected the weights of ${definition.name}, got those of another net: ` +
        `${error.message.replace(/^\[\w+\] /, '')}; take another copy of the run`,
      { cause: error }
    )
  }
}

/** True if the tensors have the names and shapes of the net's parameters. */
function fit(net: Net, tensors: ReadonlyMap<string, PublicTensor>): boolean {
  const shapes = new Map(net.parameters.all.map(({ name, whole }) => [name, String(whole)]))
  return (
    shapes.size === tensors.size &&
    [...shapes].every(([name, shape]) => String(tensors.get(name)?.shape) === shape)
  )
}
