/** The options of `alexnode train`. */
import type { Command } from 'commander'
import { dataNames } from '../../data/open.ts'
import { netNames } from '../../net/models/index.ts'
import { ablationNames } from '../../run/recipes/ablation.ts'
import { recipeNames } from '../../run/recipes/index.ts'
import { choice, command, exclusive } from '../shared/command.ts'
import { addDeviceOptions } from '../shared/device-options.ts'
import { numberParsers } from '../shared/numbers.ts'
import { dtypeOption, traceHelp } from '../shared/options.ts'
import { defaults, rates } from './defaults.ts'

export async function trainCommand(): Promise<Command> {
  const train = await command(
    'train',
    'Trains a net, tests it, and keeps weights, log and checkpoints. Defaults are in brackets.'
  )
  train.usage('[options]')
  await addSubject(train)
  await addDeviceOptions(train)
  await addTraining(train)
  await addUpdates(train)
  await addValidation(train)
  return addRun(train)
}

/** What is trained, on which images. */
async function addSubject(train: Command): Promise<void> {
  const recipe = 'train a net as published; other options change parts of the recipe'
  train
    .addOption(await choice('--recipe <name>', recipe, recipeNames))
    .option('--ablate <names>', `train the recipe without: ${ablationNames.join(', ')}`)
    .addOption(await choice('--net <name>', `net (${defaults.net})`, netNames))
    .option(
      '--data <path>',
      'photographs as `alexnode prepare` takes them, its output, IDX files, CIFAR, or ' +
        `${dataNames.join(', ')} (Fashion-MNIST)`
    )
}

/** How long, and by which optimizer. */
async function addTraining(train: Command): Promise<void> {
  const { whole, positive, fromZero, fraction } = await numberParsers()
  const { sgd, adam } = rates
  const epochs = await exclusive('--epochs <n>', 'passes over the images, not --steps', 'steps')
  const optimizer = await choice(
    '--optimizer <name>',
    'optimizer (adam for fashion without --lr and --momentum, else sgd)',
    ['sgd', 'adam']
  )
  const schedule = await choice(
    '--schedule <name>',
    'learning rate schedule (constant with --steps or --epochs, else warmCosine)',
    ['constant', 'cosine', 'warmCosine', 'plateau']
  )
  train
    .addOption(await dtypeOption())
    .option('--workers <n>', 'threads that read and decode photographs (one per core)', whole(1))
    .option('--batch <n>', `images in a batch (${defaults.batch})`, whole(1))
    .option('--steps <n>', 'steps in total (as many as fit in 3 minutes with the test)', whole(1))
    .addOption(epochs.argParser(positive))
    .addOption(optimizer)
    .option('--lr <rate>', `learning rate (sgd ${sgd.lr}, adam ${adam.lr})`, fromZero)
    .option(
      '--momentum <m>',
      `momentum, for adam β₁ (sgd ${sgd.momentum}, adam ${adam.momentum})`,
      fraction
    )
    .option('--beta2 <b>', `adam's β₂ (${defaults.beta2})`, fraction)
    .option(
      '--weight-decay <d>',
      `weight decay (sgd ${sgd.weightDecay}, adam ${adam.weightDecay})`,
      fromZero
    )
    .addOption(schedule)
    .option('--seed <n>', `seed of weights, order and dropout (${defaults.seed})`, whole(0))
}

async function addUpdates(train: Command): Promise<void> {
  const { whole, positive, fractionBelow1 } = await numberParsers()
  train
    .option(
      '--label-smoothing <s>',
      'share of the target spread over all classes (0)',
      fractionBelow1
    )
    .option('--clip-norm <n>', 'largest norm of the gradient (no limit)', positive)
    .option(
      '--ema <d>',
      'decay of the average of the weights, which is tested (none)',
      fractionBelow1
    )
    .option('--accumulate <n>', 'batches whose gradients make one step (1)', whole(1))
}

async function addValidation(train: Command): Promise<void> {
  const { whole } = await numberParsers()
  train
    .option('--validate', 'validate after each epoch, on the test images')
    .option('--validate-every <n>', 'validate every n steps instead', whole(1))
    .option('--hold-out <n>', 'validate on n training images that are held out', whole(1))
    .option('--patience <n>', 'stop after n validations without a new best', whole(1))
}

/** Where the run is kept, and what it reports. */
async function addRun(train: Command): Promise<Command> {
  const { whole } = await numberParsers()
  return train
    .option('--out <folder>', 'folder of the run (runs/NET)')
    .option('--checkpoint-every <n>', 'steps between checkpoints (one in ten minutes)', whole(1))
    .option('--keep <n>', 'checkpoints to keep besides the best (2)', whole(1))
    .option('--trace <file>', traceHelp)
    .option('--resume', 'resume from the newest whole checkpoint in --out')
    .option('--no-watch', 'do not check for stalled training')
    .option('--json', 'print one JSON object a line, and nothing else')
}
