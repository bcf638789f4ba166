/** Reads what a run's folder says of its net: definition, data, input, and the file of its weights. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { NetDefinition } from '../net/definition.ts'
import { netNames } from '../net/models/index.ts'
import { aDefinition } from '../net/rules.ts'
import { type RunData, readRunData } from '../run/data.ts'
import { netOf, testInputOf } from '../run/recipes/plan.ts'
import type { TrainSettings } from '../run/settings.ts'
import type { InputRecipe } from '../training/input/augment.ts'
import { checkInput } from '../training/input/input-rule.ts'
import { checkArguments, checkOptions } from '../util/check/check.ts'
import { callback, maybe, type Rules, record, text } from '../util/check/rules.ts'
import { isObject, readJson } from '../util/files/json.ts'
import { shown } from '../util/foreign.ts'
import { upTo } from './cut.ts'
import { RunError } from './run-error.ts'
import { findWeights } from './weights.ts'

const OPTIONS = 'options.json'
const DATA = 'data.json'

/** What of a run is used. */
export interface RunSelection {
  /** Cuts the net after this layer: see `upTo`. Default: the whole net. */
  readonly layer?: string | undefined
  /**
   * Which weights: 'final', 'newest' (the newest checkpoint), 'best' (of a validated run), or the number of a step.
   * Default: the final ones, or the newest while the run is not finished.
   */
  readonly weights?: string | undefined
  /** Makes the definition of a net that is not one of `netNames`. */
  readonly definition?: ((data: RunData) => NetDefinition) | undefined
}

/** What a selection must be. */
export const selectionRules: Rules<RunSelection> = {
  layer: maybe(text),
  weights: maybe(text),
  definition: maybe(callback)
}

/** What a run's folder says of its net. */
export interface RunFacts {
  /** The run's folder. */
  readonly folder: string
  /** Classes, image size and statistics of the training data. */
  readonly data: RunData
  /** The data set's name or path, for `openData`; undefined: its default. */
  readonly dataName: string | undefined
  /** How images become the net's input; undefined: as `train` does without it. */
  readonly input: InputRecipe | undefined
  /** The net, cut if a layer was named. */
  readonly definition: NetDefinition
  /** The file of its weights. */
  readonly weights: string
}

/**
 * Reads what a run's folder says of its net. Needs no device.
 *
 * @param folder the folder that `alexnode train --out` or `openTraining` names
 * @throws RunError if there is no run, or it has no such weights
 * @throws LayerError if the net has no such layer
 * @throws DamagedFileError, DiskError if a file cannot be read
 *
 * @example
 * const { definition, data } = await readRun('runs/fashion')
 * console.log(definition.name, data.classes)
 */
export async function readRun(folder: string, selection: RunSelection = {}): Promise<RunFacts> {
  checkArguments('run', { folder: [folder, text] })
  checkOptions('run', selection, record<RunSelection>(selectionRules))
  const { layer, weights, definition } = selection
  const path = join(folder, OPTIONS)
  if (!(await exists(path))) {
    throw new RunError(
      `[run] ${folder}: expected the folder of a run, got ${await describe(folder)}: ` +
        'name the folder that --out named (alexnode train prints it)'
    )
  }
  const settings = await readJson(path)
  const { net, input, data: dataName, recipe, ablate } = isObject(settings) ? settings : {}
  if (!(await exists(join(folder, DATA)))) {
    throw new RunError(
      `[run] ${folder}: expected ${DATA}, which a run writes with its first checkpoint, got none: ` +
        'train it longer'
    )
  }
  const data = await readRunData(folder)
  const own = inFile(path, () => inputIn(input))
  const by = {
    ...(typeof recipe === 'string' && { recipe }),
    ...(typeof ablate === 'string' && { ablate })
  }
  const given = definition?.(data)
  if (definition) {
    checkArguments('run', { 'definition, what it gives': [given, aDefinition] })
  }
  const whole = given ?? inFile(path, () => definitionOf(folder, { ...by, net }, data))
  return {
    folder,
    data,
    dataName: typeof dataName === 'string' ? dataName : undefined,
    input: own ?? inFile(path, () => testInputOf(by, data, whole.input)),
    definition: layer === undefined ? whole : upTo(whole, layer),
    weights: await findWeights(folder, weights)
  }
}

function inputIn(value: unknown): InputRecipe | undefined {
  if (value === undefined) return undefined
  checkInput(value)
  return value
}

/** @throws RunError that names the file whose content `work` did not take */
function inFile<Result>(path: string, work: () => Result): Result {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof Error) || error instanceof RunError) throw error
    throw new RunError(`[run] ${path}: ${error.message.replace(/^\[\w+\] /, '')}`, { cause: error })
  }
}

function definitionOf(
  folder: string,
  settings: Pick<TrainSettings, 'recipe' | 'ablate'> & { readonly net: unknown },
  data: RunData
): NetDefinition {
  const { net } = settings
  if (typeof net !== 'string' || !netNames.includes(net)) {
    throw new RunError(
      `[run] ${folder}: expected one of ${netNames.join(', ')}, got the net ${shown(net)}: ` +
        'open it from a program, with its definition'
    )
  }
  return netOf({ ...settings, net }, { channels: data.channels, classes: data.classes.length })
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}

/** What is there in place of a run, in errors. */
export async function describe(folder: string): Promise<string> {
  const there = await stat(folder).catch(() => undefined)
  if (!there) return 'nothing there'
  return there.isDirectory() ? `a folder without ${OPTIONS}` : 'a file'
}
