// Recipes as runs: their numbers on narrow nets, and what command lines and data make of them.
import t from 'tap'
import { UsageError } from '../lib/cli/shared/program.ts'
import { trainArguments } from '../lib/cli/train/arguments.ts'
import { arrayImageSet } from '../lib/data/array-image-set.ts'
import type { ImageSet } from '../lib/data/dataset.ts'
import { shapes } from '../lib/data/shapes/shapes.ts'
import { type Device, open } from '../lib/engine/device.ts'
import { netByName } from '../lib/net/models/index.ts'
import { imageNetColours } from '../lib/run/recipes/colours.ts'
import { recipeByName, recipes } from '../lib/run/recipes/index.ts'
import { coloured, suitInput } from '../lib/run/recipes/input.ts'
import { netOf, planOf, testInputOf } from '../lib/run/recipes/plan.ts'
import type { Recipe } from '../lib/run/recipes/recipe.ts'
import { recipeCourses, recipeOptimizer } from '../lib/run/recipes/run.ts'
import { resolveSettings, SettingsError, type TrainSettings } from '../lib/run/settings.ts'
import type { Snapshot } from '../lib/training/loop/train-state.ts'
import { train } from '../lib/training/train.ts'

const classes = ['circle', 'square', 'triangle', 'star']
const [length, size] = [24, 96]

/** Images a little larger than the nets below take, with all that a prepared set tells. */
function photographs(): ImageSet {
  const drawn = shapes({ channels: 3, size, train: length, test: 10, seed: 5 }).train
  const images = new Uint8Array(length * size * size * 3)
  const labels = new Int32Array(length)
  drawn.read(
    Uint32Array.from({ length }, (_, i) => i),
    images,
    labels
  )
  const set = arrayImageSet({
    images,
    height: size,
    width: size,
    channels: 3,
    classes,
    labels: labels.map((label) => label % classes.length)
  })
  const meanImage = new Float32Array(size * size * 3).fill(110)
  return { ...set, read: set.read.bind(set), meanImage, colours: imageNetColours }
}

/** A sixteenth as wide, and so large that a map of 1×1 is left in the end. */
function narrow({ net }: Recipe) {
  const usual = netByName(net.name).input.height
  const options = { ...net.options, classes: classes.length, width: 1 / 16 }
  return netByName(net.name, { ...options, size: usual === 227 ? 67 : 64 })
}

let device: Device
t.before(async () => {
  device = await open('cpu', { threads: 1 })
})
t.teardown(() => device.close())

/** Trains for so many steps; gives the losses, and snapshots before and after the last step. */
async function run(recipe: Recipe, steps: number) {
  const definition = narrow(recipe)
  const { input, notes } = suitInput(recipe, photographs(), definition.input)
  const optimizer = recipeOptimizer(recipe)
  await using net = await definition.build(device, { batch: 4, seed: 2, optimizer })
  const losses: number[] = []
  const snapshots: Snapshot[] = []
  const save = (snapshot: Snapshot) => void snapshots.push(snapshot)
  const options = {
    optimizer,
    steps,
    input,
    seed: 2,
    checkpoint: { every: steps - 1, save }
  }
  const rates = { lr: recipe.rates.weight.rate / 100, courses: recipeCourses(recipe) }
  for await (const { loss } of train(net, photographs(), { ...options, ...rates }))
    losses.push(loss)
  const bytes = (name: string) => snapshots.map(({ weights }) => String(weights.get(name)?.data))
  return { losses, notes, bytes }
}

for (const { name } of recipes.filter(({ photos }) => photos)) {
  t.test(`${name}: a few steps`, async (t) => {
    const recipe = recipeByName(name)
    const { losses, notes, bytes } = await run(recipe, 6)
    t.equal(losses.length, 6)
    // Nothing is known at the start: ln 4.
    t.ok(Math.abs((losses[0] ?? 0) - Math.log(classes.length)) < 0.3, losses.join(' '))
    t.ok(losses.every(Number.isFinite))
    const tooMany = /a crop has \d+ places a side/
    t.ok(
      notes.every((note) => tooMany.test(note)),
      notes.join('\n')
    )
    // Five sixths of the way are past epoch 72.
    const [before, after] = bytes('conv1.weight')
    t.equal(before === after, name === 'chm-145', 'conv1 is frozen in the end')
    const [was, last] = bytes('fc8.bias')
    t.not(was, last)
  })
}

t.test('ablations train, too', async (t) => {
  for (const without of ['no-lrn', 'pool-2x2', 'no-links', 'one-column', 'tanh', 'no-dropout']) {
    const { losses } = await run(recipeByName('chm-145', [without]), 2)
    t.ok(losses.every(Number.isFinite), `${without}: ${losses.join(' ')}`)
    t.ok(Math.abs((losses[0] ?? 0) - Math.log(classes.length)) < 0.3, without)
  }
})

async function settled(...args: string[]): Promise<TrainSettings> {
  const { settings, defaults } = await trainArguments(args)
  return resolveSettings(settings, undefined, { ...defaults, dtype: 'f32' }, false)
}

t.test('the command line: a recipe, and single things of it', async (t) => {
  t.match(await settled('--recipe', 'paper'), {
    recipe: 'paper',
    net: 'alexnet',
    batch: 128,
    epochs: 90,
    optimizer: 'sgd',
    lr: 0.01,
    momentum: 0.9,
    weightDecay: 5e-4,
    schedule: 'plateau'
  })
  const args = ['--recipe', 'chm-145', '--ablate', 'no-lrn,tanh', '--batch', '8', '--steps', '30']
  const settings = await settled(...args, '--lr', '0.005')
  t.match(settings, { schedule: 'recipe', batch: 8, steps: 30, lr: 0.005, net: 'chm-145' })
  t.notOk('epochs' in settings)
  const { out } = await trainArguments(args)
  t.equal(out, 'runs/chm-145')

  const data = shapes({ channels: 3, size: 40, train: 80, test: 10 })
  const { input, notes, views, data: own } = planOf(settings, data)
  t.match(input, { fit: 'resize', flip: true, shared: 32, mean: 'channel', divide: 1 })
  // 30 steps of 10 an epoch, for 91 epochs.
  t.equal(input?.colour?.until, (67 / 91) * 3)
  t.equal(own.train.colours, imageNetColours)
  t.equal(views, 1)
  t.strictSame(notes, [
    'Not as in the recipe, as asked for: batch 8 instead of 128, rate 0.005 instead of 0.01, ' +
      '30 steps instead of 91 epochs.',
    'Its rates change in proportion to the length: after 27, 56, 74, 79, 87 % of the run.',
    'There are images of 40×40 for an input of 224×224: they are resized, not cropped.',
    'The set has no mean image: what is subtracted is the mean of each channel.',
    "The set does not tell how its colours vary: ImageNet's are taken.",
    'The test takes one view of an image, not ten.'
  ])
})

t.test(
  'a net that is used takes images as it was trained on, and nothing is left to chance',
  (t) => {
    const set = { height: 256, width: 256, channels: 3, meanImage: new Float32Array(0) }
    const at = { height: 224, width: 224 }
    t.match(testInputOf({ recipe: 'chm-145' }, set, at), { fit: 'crop', mean: 'centre', divide: 1 })
    t.notOk('colour' in (testInputOf({ recipe: 'chm-145' }, set, at) ?? {}))
    t.equal(testInputOf({}, set, at), undefined)
    const settings = { net: 'chm-145', recipe: 'chm-145', ablate: 'no-lrn' }
    const kinds = netOf(settings, { channels: 1, classes: 7 }).layers.map(({ node }) => node.kind)
    t.notOk(kinds.includes('lrn'))
    t.end()
  }
)

t.test('photographs that were made one size in another way', async (t) => {
  const said = (name: string, fit: 'crop' | 'warp' | 'keep') =>
    suitInput(
      recipeByName(name),
      { ...photographs(), fit },
      { height: 64, width: 64 }
    ).notes.filter((note) => note.includes('--fit'))
  t.strictSame(said('caffe', 'crop'), [
    "The photographs are cut to their size, and the recipe's were warped: alexnode prepare SRC OUT --fit warp."
  ])
  t.strictSame(said('paper', 'warp'), [
    "The photographs are warped to their size, and the recipe's were cut: alexnode prepare SRC OUT --fit crop."
  ])
  t.strictSame([...said('caffe', 'warp'), ...said('paper', 'crop'), ...said('caffe', 'keep')], [])
  t.equal(coloured({ ...photographs(), fit: 'warp' }).fit, 'warp')
})

t.test('grey images have no colours', async (t) => {
  const plan = planOf(await settled('--recipe', 'paper'), shapes({ size: 28, train: 20, test: 10 }))
  t.equal(plan.input?.colour, undefined)
  t.ok(plan.notes.includes('The images have no RGB colours: there is no noise on them.'))
  t.match(plan.definition.input, { channels: 1, height: 227, width: 227 })
})

t.test('a recipe is kept with its run', async (t) => {
  const before = await settled('--recipe', 'caffe', '--steps', '5')
  const { settings, defaults } = await trainArguments(['--resume'])
  const usual = { ...defaults, dtype: 'f32' } as const
  t.strictSame(resolveSettings(settings, before, usual, true), before)
  const other = await trainArguments(['--resume', '--recipe', 'paper'])
  t.throws(() => resolveSettings(other.settings, before, usual, true), SettingsError)
  const longer = await trainArguments(['--resume', '--steps', '6'])
  t.throws(() => resolveSettings(longer.settings, before, usual, true), /--steps was 5 and is 6/)
})

t.test('what cannot be asked for', async (t) => {
  await t.rejects(trainArguments(['--recipe', 'vgg']), /Allowed choices are paper, chm-145/)
  await t.rejects(trainArguments(['--ablate', 'tanh']), /--ablate removes parts of a recipe/)
  const args = ['--recipe', 'caffe', '--ablate', 'no-links']
  await t.rejects(trainArguments(args), /caffe is no net of two towers/)
  await t.rejects(trainArguments(args), UsageError)
})
