/** The options of `alexnode train`. */
import type { Command } from 'commander'
import { dataNames } from '../../data/open.ts'
import { netNames } from '../../net/models/index.ts'
import { ablationNames } from '../../run/recipes/ablation.ts'
import { recipeNames } from '../../run/recipes/index.ts'
import { choice, command, elsewhere, exclusive } from '../shared/command.ts'
import { strictHelp } from '../shared/damaged.ts'
import { addDeviceOptions } from '../shared/device-options.ts'
import { numberParsers } from '../shared/numbers.ts'
import { dtypeOption, traceHelp } from '../shared/options.ts'
import { defaults } from './defaults.ts'

/** A factor: '×10', 'x10' or '10'. */
const times = (text: string) => text.replace(/^[×x*]\s*/, '')

const PREPARE_FIRST =
  'it is for alexnode prepare: prepare the photographs with it first, and name the result by --data.'

export async function trainCommand(): Promise<Command> {
  const train = await command(
    'train',
    'Trains a net, tests it, and keeps weights, log and checkpoints. Defaults are in brackets.'
  )
  train.usage('[options]')
  await addSubject(train)
  await addStart(train)
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
    .addOption(await elsewhere('--class-depth <n>', PREPARE_FIRST))
}

/** What the weights start from, and which of them are trained. */
async function addStart(train: Command): Promise<void> {
  const { fromZero } = await numberParsers()
  train
    .option('--from <path>', 'start from the weights that fit, of a file or of a run')
    .option('--own-input', "norm images by the data's statistics, not by those of --from")
    .option('--mean-file <file>', "subtract the mean in Caffe's .binaryproto or .npy (the images')")
    .option(
      '--freeze <layers>',
      'layers that stay as they are: features, all-but-head, or names, comma-separated (none)'
    )
    .option('--head-lr <factor>', 'factor on the rate of the last layer, such as ×10 (1)', (text) =>
      fromZero(times(text))
    )
}

/** How long, and by which optimizer. */
async function addTraining(train: Command): Promise<void> {
  const { whole, positive, fromZero, fraction } = await numberParsers()
  const epochs = await exclusive('--epochs <n>', 'passes over the images, not --steps', 'steps')
  const optimizer = await choice(
    '--optimizer <name>',
    'optimizer (by net; sgd with --lr or --momentum)',
    ['sgd', 'adam']
  )
  const schedule = await choice(
    '--schedule <name>',
    'learning rate schedule (warmConstant with --steps or --epochs, constant if also with --lr, ' +
      'else warmCosine)',
    ['constant', 'warmConstant', 'cosine', 'warmCosine', 'plateau']
  )
  const gradients = await choice(
    '--gradient-dtype <dtype>',
    'dtype in which gradients travel between ranks (f32)',
    ['f32', 'bf16']
  )
  const start = await choice('--start <name>', 'initial weights (by net)', ['published', 'even'])
  train
    .addOption(await dtypeOption())
    .addOption(gradients)
    .option('--workers <n>', 'threads that read and decode photographs (one per core)', whole(1))
    .option('--batch <n>', `images in a batch (${defaults.batch})`, whole(1))
    .option('--steps <n>', 'steps in total (as many as fit in 3 minutes with the test)', whole(1))
    .addOption(epochs.argParser(positive))
    .addOption(optimizer)
    .option('--lr <rate>', 'learning rate, or auto for a range test (by net)', (text) =>
      text === 'auto' ? text : fromZero(text)
    )
    .option('--momentum <m>', 'momentum, for adam β₁ (by net)', fraction)
    .option('--beta2 <b>', "adam's β₂ (by net)", fraction)
    .option('--weight-decay <d>', 'weight decay (by net)', fromZero)
    .addOption(schedule)
    .addOption(start)
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
    .option('--clip-norm <n>', 'largest norm of the gradient (by net)', positive)
    .option(
      '--ema <d>',
      'decay of the average of the weights, which is tested (none)',
      fractionBelow1
    )
    .option('--accumulate <n>', 'batches whose gradients make one step (1)', whole(1))
    .option(
      '--sync-batch-norm',
      'batch norm over the whole batch of several processes, not each share'
    )
}

async function addValidation(train: Command): Promise<void> {
  const { whole } = await numberParsers()
  train
    .option('--validate', 'validate after each epoch, on the test images')
    .option('--validate-every <n>', 'validate every n steps instead', whole(1))
    .option('--hold-out <n>', 'validate on n training images that are held out', whole(1))
    .option('--patience <n>', 'stop after n validations without a new best', whole(1))
    .option('--test-images <n>', 'test and validate on n of the test images (all)', whole(1))
    .option('--no-test', 'do not test the net at the end')
}

/** Where the run is kept, and what it reports. */
async function addRun(train: Command): Promise<Command> {
  const { whole, positive } = await numberParsers()
  return train
    .option('--out <folder>', 'folder of the run (runs/NET)')
    .option('--checkpoint-every <n>', 'steps between checkpoints (one in ten minutes)', whole(1))
    .option('--keep <n>', 'checkpoints to keep besides the best (2)', whole(1))
    .option('--tensorboard [folder]', "write files for TensorBoard (into the run's folder)")
    .option('--trace <file>', traceHelp)
    .option(
      '--timeout <s>',
      'seconds that other ranks may take, where there are several (60)',
      positive
    )
    .option('--resume', 'resume from the newest whole checkpoint in --out')
    .option('--strict', strictHelp)
    .option('--no-watch', 'do not check for stalled training')
    .option('--json', 'print one JSON object a line, and nothing else')
}
