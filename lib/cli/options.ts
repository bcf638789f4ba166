/** What can be said on the command line of `npm start` and `alexnode train`. */
import type { Command } from 'commander'
import { dataNames } from '../data/open.ts'
import { netNames } from '../net/models/index.ts'
import { ablationNames } from '../run/recipes/ablation.ts'
import { recipeNames } from '../run/recipes/index.ts'
import { recipeDefaults, recipeOf } from '../run/recipes/plan.ts'
import type { Recipe } from '../run/recipes/recipe.ts'
import type { TrainSettings } from '../run/settings.ts'
import { choice, command, dtypeOption, exclusive, parse, readers, traceHelp } from './command.ts'
import { addDeviceOptions, type DeviceArguments } from './device.ts'
import { UsageError } from './program.ts'

/** The command line of training, read and checked. */
export interface TrainArguments {
  /** Only what was given. */
  readonly settings: Partial<TrainSettings>
  /** For what is neither given nor saved; the dtype is the device's to prefer. */
  readonly defaults: Omit<TrainSettings, 'dtype'>
  /** What to compute on, as far as it was given; for `settleDevice`. */
  readonly where: Pick<DeviceArguments, 'device' | 'devices' | 'replicas' | 'threads'>
  /** Threads that read and decode photographs; undefined: as many as there are cores. */
  readonly workers: number | undefined
  readonly out: string
  /** Steps from one checkpoint to the next; undefined: one at the end. */
  readonly checkpointEvery: number | undefined
  /** How many checkpoints to keep besides the best. */
  readonly keep: number
  /** A file for when each call of one step ran. */
  readonly trace: string | undefined
  readonly resume: boolean
  /** Look now and then whether something is wrong with the run. */
  readonly watch: boolean
  readonly json: boolean
}

const defaults = {
  net: 'fashion',
  batch: 16,
  beta2: 0.98,
  schedule: 'warmCosine',
  seed: 1
} as const

/**
 * Adam's, and its β₂ of .98, are chosen so that `fashion` learns most of what a few thousand images can teach
 * it: in some hundred steps the usual .9 and .999 have seen too little to forget how training began.
 */
const rates = {
  sgd: { lr: 0.01, momentum: 0.9, weightDecay: 0.0005 },
  adam: { lr: 0.0003, momentum: 0.8, weightDecay: 0 }
} as const

/** Who gives a rate or a momentum has SGD in mind, whose rates would blow up under Adam. */
function usualOptimizer({ net, lr, momentum }: Partial<TrainSettings>): 'sgd' | 'adam' {
  const free = lr === undefined && momentum === undefined
  return free && (net ?? defaults.net) === 'fashion' ? 'adam' : 'sgd'
}

interface Given extends Partial<TrainSettings> {
  readonly device?: string
  readonly devices?: string
  readonly replicas?: number
  readonly threads?: number
  readonly workers?: number
  readonly out?: string
  readonly checkpointEvery?: number
  readonly keep?: number
  readonly trace?: string
  readonly resume?: boolean
  readonly watch?: boolean
  readonly json?: boolean
}

/**
 * Reads the arguments of training. `--help` prints the help and ends the process.
 *
 * @param args without the program: `process.argv.slice(2)`
 * @throws UsageError naming the option and what it takes
 *
 * @example
 * const { settings, out } = await trainArguments(['--net', 'alexnet', '--steps', '10'])
 */
export async function trainArguments(args: readonly string[]): Promise<TrainArguments> {
  const given = await parse<Given>(await trainCommand(), args)
  const { device, devices, replicas, threads, trace, ...most } = given
  const { workers, out, resume = false, json = false, ...kept } = most
  const { checkpointEvery, keep = 2, watch = true, ...settings } = kept
  const recipe = resume ? undefined : givenRecipe(settings)
  const optimizer = settings.optimizer ?? (recipe ? 'sgd' : usualOptimizer(settings))
  if (optimizer === 'sgd' && settings.beta2 !== undefined && !resume) {
    throw new UsageError(
      'alexnode train: --beta2 is for --optimizer adam, and this run is trained by sgd.'
    )
  }
  return {
    settings,
    defaults: recipe
      ? { ...defaults, ...recipeSettings(recipe, settings) }
      : { ...defaults, optimizer, ...rates[optimizer] },
    where: {
      ...(device !== undefined && { device }),
      ...(devices !== undefined && { devices }),
      ...(replicas !== undefined && { replicas }),
      ...(threads !== undefined && { threads })
    },
    workers,
    out: out ?? `runs/${settings.recipe ?? settings.net ?? defaults.net}`,
    checkpointEvery,
    keep,
    trace,
    resume,
    watch,
    json
  }
}

/** @throws UsageError for a recipe that is not there, or one that cannot be without what is to be taken away */
function givenRecipe({ recipe, ablate }: Partial<TrainSettings>): Recipe | undefined {
  if (ablate !== undefined && recipe === undefined) {
    throw new UsageError(
      'alexnode train: --ablate takes something from a recipe: name it by --recipe.'
    )
  }
  try {
    return recipeOf({
      ...(recipe !== undefined && { recipe }),
      ...(ablate !== undefined && { ablate })
    })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error })
  }
}

/** A recipe's settings; a length in steps leaves none in epochs. */
function recipeSettings(recipe: Recipe, { recipe: name, steps }: Partial<TrainSettings>) {
  const { epochs, ...rest } = recipeDefaults(recipe)
  return {
    ...rest,
    ...(name !== undefined && { recipe: name }),
    ...(steps === undefined && epochs !== undefined && { epochs })
  }
}

async function trainCommand(): Promise<Command> {
  const { whole, positive, fromZero, fraction, below } = await readers()
  const count = whole(1)
  const net = await choice('--net <name>', `the net (${defaults.net})`, netNames)
  const recipe = await choice(
    '--recipe <name>',
    'train as is known of a net; other options change single things of it',
    recipeNames
  )
  const dtype = await dtypeOption()
  const epochs = await exclusive(
    '--epochs <n>',
    'times through the images, instead of --steps',
    'steps'
  )
  const optimizer = await choice(
    '--optimizer <name>',
    'what moves the weights (adam for fashion without --lr and --momentum, else sgd)',
    ['sgd', 'adam']
  )
  const schedule = await choice(
    '--schedule <name>',
    'how the rate goes on (constant with --steps or --epochs, else warmCosine)',
    ['constant', 'cosine', 'warmCosine', 'plateau']
  )
  const train = await command(
    'train',
    'Trains a net, tests it, and keeps weights, log and checkpoints. ' +
      'In brackets: what is used where an option is left out.'
  )
  train
    .usage('[options]')
    .addOption(recipe)
    .option('--ablate <names>', `a recipe without: ${ablationNames.join(', ')}`)
    .addOption(net)
    .option(
      '--data <path>',
      'photographs as `alexnode prepare` takes them, what it made of them, IDX files, CIFAR, or ' +
        `${dataNames.join(', ')} (Fashion-MNIST)`
    )
  return (await addDeviceOptions(train))
    .addOption(dtype)
    .option('--workers <n>', 'threads that read and decode photographs (as many as cores)', count)
    .option('--batch <n>', `images of a batch (${defaults.batch})`, count)
    .option('--steps <n>', 'steps in all (as many as fit 3 minutes, with the test)', count)
    .addOption(epochs.argParser(positive))
    .addOption(optimizer)
    .option('--lr <rate>', `learning rate (sgd ${rates.sgd.lr}, adam ${rates.adam.lr})`, fromZero)
    .option(
      '--momentum <m>',
      `momentum, adam's β₁ (sgd ${rates.sgd.momentum}, adam ${rates.adam.momentum})`,
      fraction
    )
    .option('--beta2 <b>', `adam's β₂ (${defaults.beta2})`, fraction)
    .option(
      '--weight-decay <d>',
      `weight decay (sgd ${rates.sgd.weightDecay}, adam ${rates.adam.weightDecay})`,
      fromZero
    )
    .addOption(schedule)
    .option('--seed <n>', `decides weights, order and dropout (${defaults.seed})`, whole(0))
    .option('--label-smoothing <s>', 'share of the target for all classes alike (0)', below)
    .option('--clip-norm <n>', 'the largest norm of the gradient (any)', positive)
    .option('--ema <d>', 'test and keep the average of the weights, of this decay (none)', below)
    .option('--accumulate <n>', 'batches that make one step (1)', count)
    .option('--validate', 'evaluate at the end of each epoch, on the test images')
    .option('--validate-every <n>', 'evaluate every so many steps instead', count)
    .option('--hold-out <n>', 'evaluate on so many training images that are held out', count)
    .option('--patience <n>', 'end when so many evaluations were not the best', count)
    .option('--out <folder>', 'where to keep the run (runs/NET)')
    .option('--checkpoint-every <n>', 'steps between checkpoints (one at the end)', count)
    .option('--keep <n>', 'checkpoints to keep, besides the best (2)', count)
    .option('--trace <file>', traceHelp)
    .option('--resume', 'go on from the newest whole checkpoint in --out')
    .option('--no-watch', 'do not look now and then whether something is wrong with the run')
    .option('--json', 'print one JSON object a line, and nothing else')
}
