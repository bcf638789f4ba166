/** Reads the command line of `alexnode train` and `npm start`. */
import { recipeOf } from '../../run/recipes/plan.ts'
import type { Recipe } from '../../run/recipes/recipe.ts'
import type { TrainSettings } from '../../run/settings.ts'
import { parse } from '../shared/command.ts'
import type { DeviceArguments } from '../shared/device-options.ts'
import { messageOf, UsageError } from '../shared/program.ts'
import { trainCommand } from './command.ts'
import { defaultSettingsOf, defaults, defaultsOf } from './defaults.ts'

/** Options that are no settings of the run. */
interface RunArguments {
  /** Threads that read and decode photographs. Default: one per core. */
  readonly workers?: number | undefined
  /** Steps between checkpoints. Default: one in ten minutes, and one at the end. */
  readonly checkpointEvery?: number | undefined
  /** The file that the timeline of one step is written to. */
  readonly trace?: string | undefined
  /** The folder that files for TensorBoard are written to; true: the run's. */
  readonly tensorboard?: string | true | undefined
  /** Seconds that other ranks may take. */
  readonly timeout?: number | undefined
}

/** The command line of training. */
export interface TrainArguments extends RunArguments {
  /** The settings that were given. */
  readonly settings: Partial<TrainSettings>
  /** For settings that are neither given nor saved. The default dtype is the device's preferred one. */
  readonly defaults: Omit<TrainSettings, 'dtype'>
  /** The device options that were given, for `settleDevice`. */
  readonly where: Pick<DeviceArguments, 'device' | 'devices' | 'replicas' | 'threads'>
  readonly out: string
  /** Checkpoints to keep besides the best. */
  readonly keep: number
  readonly resume: boolean
  /** Check for stalled training. */
  readonly watch: boolean
  /** Test the net after training. */
  readonly test: boolean
  readonly json: boolean
  /** End at the first damaged image. */
  readonly strict: boolean
}

interface Given extends Partial<Omit<TrainSettings, 'lr' | 'lrAuto'>>, RunArguments {
  readonly lr?: number | 'auto'
  readonly device?: string
  readonly devices?: string
  readonly replicas?: number
  readonly threads?: number
  readonly out?: string
  readonly keep?: number
  readonly resume?: boolean
  readonly watch?: boolean
  readonly test?: boolean
  readonly json?: boolean
  readonly strict?: boolean
}

/**
 * Reads the arguments of training. `--help` prints the help and ends the process.
 *
 * @param args without node and the script: `process.argv.slice(2)`
 * @throws UsageError naming the option and what it takes
 *
 * @example
 * const { settings, out } = await trainArguments(['--net', 'alexnet', '--steps', '10'])
 */
export async function trainArguments(args: readonly string[]): Promise<TrainArguments> {
  const given = await parse<Given>(await trainCommand(), args)
  const { device, devices, replicas, threads, ...others } = given
  const { workers, checkpointEvery, tensorboard, trace, timeout, ...most } = others
  const { out, keep = 2, resume = false, strict = false, json = false, ...rest } = most
  const { watch = true, test = true, ...own } = rest
  const settings = settingsOf(own)
  return {
    settings,
    defaults: defaultSettings(settings, resume),
    where: {
      ...(device !== undefined && { device }),
      ...(devices !== undefined && { devices }),
      ...(replicas !== undefined && { replicas }),
      ...(threads !== undefined && { threads })
    },
    workers,
    checkpointEvery,
    tensorboard,
    trace,
    timeout,
    out: out ?? `runs/${settings.recipe ?? settings.net ?? defaults.net}`,
    keep,
    resume,
    watch,
    test,
    json,
    strict
  }
}

/** `--lr auto` as settings. */
function settingsOf({ lr, ...others }: Omit<Given, keyof RunArguments>): Partial<TrainSettings> {
  if (lr === undefined) return others
  return lr === 'auto' ? { ...others, lrAuto: true } : { ...others, lr }
}

/** @throws UsageError for settings that exclude each other */
function defaultSettings(
  settings: Partial<TrainSettings>,
  resume: boolean
): Omit<TrainSettings, 'dtype'> {
  const recipe = resume ? undefined : givenRecipe(settings)
  const usual = recipe ? defaultsOf(recipe, settings) : defaultSettingsOf(settings)
  const { optimizer = usual.optimizer } = settings
  if (optimizer === 'sgd' && settings.beta2 !== undefined && !resume) {
    throw new UsageError(
      'alexnode train: --beta2 is for --optimizer adam, and this run is trained by sgd.'
    )
  }
  return usual
}

/** @throws UsageError for an unknown recipe, or for parts that it cannot go without */
function givenRecipe({ recipe, ablate }: Partial<TrainSettings>): Recipe | undefined {
  if (ablate !== undefined && recipe === undefined) {
    throw new UsageError('alexnode train: --ablate removes parts of a recipe: name it by --recipe.')
  }
  try {
    return recipeOf({
      ...(recipe !== undefined && { recipe }),
      ...(ablate !== undefined && { ablate })
    })
  } catch (error) {
    throw new UsageError(messageOf(error), { cause: error })
  }
}
