/** A net that was trained, opened from its run's folder to be used. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { ImageSet } from '../data/dataset.ts'
import type { Device } from '../engine/device.ts'
import type { FloatDType } from '../native/dtype.ts'
import type { NetDefinition } from '../net/definition.ts'
import type { PublicTensor } from '../net/graph/parameters.ts'
import { netNames } from '../net/models/index.ts'
import type { Net } from '../net/net.ts'
import type { Parallel } from '../net/placement/placement.ts'
import { listCheckpoints } from '../run/checkpoint.ts'
import { type RunData, readRunData } from '../run/data.ts'
import { bestStep } from '../run/folder.ts'
import { netOf, testInputOf } from '../run/recipes/plan.ts'
import type { TrainSettings } from '../run/settings.ts'
import { toMap } from '../run/snapshot.ts'
import { checkInput, type InputRecipe } from '../training/input/augment.ts'
import { digestFile } from '../util/files/bytes.ts'
import { isObject, readJson } from '../util/files/json.ts'
import { readSafetensors } from '../util/files/safetensors.ts'
import { upTo } from './cut.ts'
import { type SuitedSet, suited } from './suited.ts'

const OPTIONS = 'options.json'
const WEIGHTS = 'weights.safetensors'

/** A run cannot be used: it is not there, or has no weights yet. */
export class RunError extends Error {
  override name = 'RunError'
}

export interface TrainedOptions {
  /** Images in a batch. Default 64. */
  readonly batch?: number
  /** Default: what the device prefers, or the first of several. */
  readonly dtype?: FloatDType
  /** How several devices share the net: as `build` takes it. */
  readonly parallel?: Parallel
  /** The net is cut after this layer: see `upTo`. Default: it is whole. */
  readonly layer?: string | undefined
  /**
   * Which of the run's weights: 'final', 'newest' (its newest checkpoint), 'best' (of a run that was
   * validated), or a step. Default: the final ones; where there are none yet, the newest.
   */
  readonly weights?: string | undefined
  /** Of a net that is not one of `netNames`. */
  readonly definition?: ((data: RunData) => NetDefinition) | undefined
}

/** What a run's folder tells without a device. */
export interface RunFacts {
  readonly folder: string
  readonly data: RunData
  /** As `openData` takes it; undefined: what is trained on where nothing is named. */
  readonly dataName: string | undefined
  /** How stored bytes become the net's input; undefined: as `train` does without. */
  readonly input: InputRecipe | undefined
  readonly definition: NetDefinition
  /** The file that the weights are in. */
  readonly weights: string
}

/** See `openTrained`. */
export class Trained {
  readonly facts: RunFacts
  readonly net: Net

  /** @internal */
  constructor(facts: RunFacts, net: Net) {
    this.facts = facts
    this.net = net
  }

  get classes(): readonly string[] {
    return this.facts.data.classes
  }

  /**
   * Labelled images as the net takes them: see `suited`.
   * @throws DataError where they do not suit it
   */
  take(set: ImageSet): SuitedSet {
    return suited(set, this.facts.data)
  }

  /**
   * Images whose labels, if they have any, are of no account.
   * @throws DataError where they do not suit the net
   */
  takeUnlabelled(set: ImageSet): SuitedSet {
    return suited(set, this.facts.data, { width: this.net.classes })
  }

  close(): Promise<void> {
    return this.net.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/**
 * Reads what a run's folder tells of its net, without a device.
 *
 * @throws RunError where there is no run, or it has no such weights
 * @throws DamagedFileError, DiskError where it cannot be read
 */
export async function readRun(
  folder: string,
  { layer, weights, definition }: TrainedOptions = {}
): Promise<RunFacts> {
  const path = join(folder, OPTIONS)
  if (!(await isThere(path))) {
    throw new RunError(
      `[run] ${folder}: expected the folder of a run, got ${await whatIsThere(folder)}: ` +
        'name what --out was (alexnode train says where a run is kept)'
    )
  }
  const settings = await readJson(path)
  const { net, input, data: named, ...told } = isObject(settings) ? settings : {}
  if (!(await isThere(join(folder, 'data.json')))) {
    throw new RunError(
      `[run] ${folder}: expected data.json, which a run keeps with its first checkpoint, got none: ` +
        'let it train longer'
    )
  }
  const data = await readRunData(folder)
  if (input !== undefined) checkInput(input)
  const by = recipeIn(told)
  const whole = definition?.(data) ?? definitionOf(folder, { ...by, net: String(net) }, data)
  const taken = input ?? testInputOf(by, data, whole.input)
  return {
    ...{ folder, data, input: taken, dataName: typeof named === 'string' ? named : undefined },
    definition: layer === undefined ? whole : upTo(whole, layer),
    weights: await weightsIn(folder, weights)
  }
}

/**
 * Opens a run's net for inference, on a device or on several that share it.
 *
 * @throws RunError where there is no run, or it has no such weights
 * @throws LayerError where the net has no such layer
 * @throws DamagedFileError, DiskError where it cannot be read
 *
 * @example
 * await using trained = await openTrained('runs/fashion', device)
 * for await (const { values } of outputs(trained.net, set)) console.log(values)
 */
export async function openTrained(
  folder: string,
  on: Device | readonly Device[],
  options: TrainedOptions = {}
): Promise<Trained> {
  const facts = await readRun(folder, options)
  const first = 'id' in on ? on : on[0]
  const { batch = 64, dtype = first?.preferredDType.dtype ?? 'f32', parallel } = options
  const build = { batch, dtype, training: false, ...(parallel && { parallel }) }
  const net = await facts.definition.build(on, build)
  try {
    const all = await readWeights(facts)
    const own = new Set(net.parameters.all.map(({ name }) => name))
    // A net that was cut has not all of them.
    const kept = options.layer === undefined ? all : [...all].filter(([name]) => own.has(name))
    await net.parameters.import(net.stream, new Map(kept)).catch((error: unknown) => {
      throw foreign(facts, error)
    })
    return new Trained(facts, net)
  } catch (error) {
    await net.close()
    throw error
  }
}

/**
 * A run's weights, by name.
 * @throws RunError where one is no finite number
 * @throws DamagedFileError, DiskError where the file cannot be read
 */
export async function readWeights({
  weights: path
}: Pick<RunFacts, 'weights'>): Promise<Map<string, PublicTensor>> {
  const weights = toMap(path, (await readSafetensors(path)).tensors)
  for (const [name, { data }] of weights) {
    for (let i = 0; i < data.length; i++) {
      if (Number.isFinite(data[i])) continue
      throw new RunError(
        `[run] ${path}: expected weights that are numbers, got ${data[i]} in ${name}: training had gone ` +
          'astray by then; use earlier ones (--weights STEP), or train at a lower rate'
      )
    }
  }
  return weights
}

/** What is said of weights that are not the net's, with their file. */
function foreign({ weights, definition }: RunFacts, error: unknown): unknown {
  if (!(error instanceof Error) || !error.message.startsWith('[parameters] ')) return error
  return new RunError(
    `[run] ${weights}: expected the weights of ${definition.name}, got those of another net: ` +
      `${error.message.replace('[parameters] ', '')}; take another copy of the run`,
    { cause: error }
  )
}

/** What tells the weights of one run from those of another: SHA-256 of their file. */
export async function weightsDigest({ weights }: RunFacts): Promise<string> {
  return (await digestFile(weights)).sha256
}

/** The recipe that a run's settings name, and what they take away from it. */
function recipeIn({ recipe, ablate }: Readonly<Record<string, unknown>>) {
  return {
    ...(typeof recipe === 'string' && { recipe }),
    ...(typeof ablate === 'string' && { ablate })
  }
}

function definitionOf(
  folder: string,
  settings: Pick<TrainSettings, 'net' | 'recipe' | 'ablate'>,
  data: RunData
): NetDefinition {
  const { net } = settings
  if (!netNames.includes(net)) {
    throw new RunError(
      `[run] ${folder}: expected one of ${netNames.join(', ')}, got the net '${net}': ` +
        'open it from a program, with its definition'
    )
  }
  return netOf(settings, { channels: data.channels, classes: data.classes.length })
}

async function weightsIn(folder: string, wanted: string | undefined): Promise<string> {
  const final = join(folder, WEIGHTS)
  const checkpoints = await listCheckpoints(folder)
  const of = (checkpoint: { readonly folder: string }) => join(checkpoint.folder, WEIGHTS)
  if ((wanted === undefined || wanted === 'final') && (await isThere(final))) return final
  const [newest] = checkpoints
  if ((wanted === undefined || wanted === 'newest') && newest) return of(newest)
  const best = await bestStep(folder)
  const number = wanted === 'best' ? best : Number(wanted)
  const step = checkpoints.find((checkpoint) => checkpoint.step === number)
  if (step) return of(step)
  const steps = checkpoints.map((checkpoint) => checkpoint.step).reverse()
  const has = [
    ...((await isThere(final)) ? ['final'] : []),
    ...(best === undefined ? [] : ['best']),
    ...(steps.length > 0 ? ['newest', ...steps] : [])
  ]
  throw new RunError(
    `[run] ${folder}: expected weights${wanted === undefined ? '' : ` '${wanted}'`}, got ` +
      (has.length > 0 ? `a run that has ${has.join(', ')}` : 'a run without any yet')
  )
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}

async function whatIsThere(folder: string): Promise<string> {
  const there = await stat(folder).catch(() => undefined)
  if (!there) return 'nothing there'
  return there.isDirectory() ? 'a folder without options.json' : 'a file'
}
