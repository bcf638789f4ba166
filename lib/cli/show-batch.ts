/** `alexnode show-batch`: draws a batch as the net sees it. */
import { writeFile } from 'node:fs/promises'
import { extname, resolve } from 'node:path'
import type { Dataset, ImageSet } from '../data/dataset.ts'
import { dataNames, openData } from '../data/open.ts'
import { loadSharp } from '../data/photos/sharp.ts'
import { open } from '../engine/device.ts'
import { netByName, netNames } from '../net/models/index.ts'
import { recipeByName, recipeNames } from '../run/recipes/index.ts'
import { coloured, recipeData, suitInput } from '../run/recipes/input.ts'
import type { InputRecipe } from '../training/input/augment.ts'
import { contactSheet } from '../training/input/contact-sheet.ts'
import { type SeenBatch, seenBatch } from '../training/input/seen-batch.ts'
import { ImageOrder } from '../training/loop/image-order.ts'
import type { Sampling } from '../training/loop/sampling.ts'
import { replaceWith } from '../util/files/atomic.ts'
import { choice, command, parse } from './shared/command.ts'
import { numberParsers } from './shared/numbers.ts'
import { jsonHelp } from './shared/options.ts'
import { complain, print, printJson } from './shared/output.ts'
import { program, UsageError } from './shared/program.ts'
import { entry, onePiece, wrapped } from './shared/text.ts'

interface Given {
  readonly data?: string
  readonly recipe?: string
  readonly net?: string
  readonly fit?: 'crop' | 'resize'
  readonly flip?: boolean
  readonly test?: boolean
  readonly batch?: number
  readonly step?: number
  readonly seed?: number
  readonly out?: string
  readonly json?: boolean
}

async function readArguments(): Promise<Given> {
  const { whole } = await numberParsers()
  const showBatch = await command(
    'show-batch',
    'Draws the images of a batch as the net sees them in training: cropped, mirrored and coloured, with ' +
      'the mean added back. Defaults are in brackets.'
  )
  showBatch
    .usage('[options]')
    .option(
      '--data <path>',
      `data set, as train takes it: a path, or ${dataNames.join(', ')} (Fashion-MNIST)`
    )
    .addOption(await choice('--recipe <name>', 'recipe of input and net', recipeNames))
    .addOption(
      await choice(
        '--net <name>',
        'net of that input size (alexnet, for grey images fashion)',
        netNames
      )
    )
    .addOption(await choice('--fit <how>', 'crop larger images, or resize', ['crop', 'resize']))
    .option('--flip', 'mirror a random half of the images')
    .option('--no-flip', 'mirror no image')
    .option('--test', 'as in evaluation, with no random changes')
    .option('--batch <n>', 'images in the batch (32)', whole(1))
    .option('--step <n>', 'steps before this one (0)', whole(0, 2 ** 32 - 1))
    .option('--seed <n>', 'seed of order and augmentation (1)', whole(0))
    .option('--out <file>', 'the picture (batch.png)')
    .option('--json', jsonHelp)
  const given = await parse<Given>(showBatch)
  const { out } = given
  if (out !== undefined && extname(out).toLowerCase() !== '.png') {
    throw new UsageError(`alexnode show-batch: expected a name that ends in .png, got ${out}.`)
  }
  return given
}

/** The net's input size, and how images are brought to it. */
function inputOf({ recipe: name, net, fit, flip }: Given, data: Dataset) {
  const recipe = name === undefined ? undefined : recipeByName(name)
  const set = recipe ? recipeData(recipe, data).train : data.train
  const like = { channels: set.channels, classes: set.classes.length }
  const own: InputRecipe | undefined =
    fit === undefined && flip === undefined
      ? undefined
      : { ...(fit && { fit }), ...(flip !== undefined && { flip }) }
  if (!recipe) {
    const size = netByName(net ?? (set.channels === 1 ? 'fashion' : 'alexnet'), like).input
    return { size, input: own, set, sampling: undefined, notes: [] }
  }
  const size = netByName(net ?? recipe.net.name, { ...recipe.net.options, ...like }).input
  const { input, borrowed, notes } = suitInput(recipe, set, size)
  const { sampling } = recipe
  return { size, input: { ...input, ...own }, set: borrowed ? coloured(set) : set, sampling, notes }
}

/** How the images were changed. */
function inputText({ input }: SeenBatch, { test = false }: Given): string {
  const { fit, flip, offsets, shared, colour } = input
  if (test) return fit === 'crop' ? 'centre crop' : 'whole'
  const [down, across] = offsets
  const by = shared > 1 ? `, ${shared} alike` : ''
  const parts = [
    fit === 'crop' ? `cropped at one of ${down}×${across} offsets${by}` : 'whole',
    flip && 'half mirrored',
    colour && `colours N(0, ${colour.sigma}) × ${colour.form}`
  ]
  return parts.filter(Boolean).join(', ')
}

/** The images of one step, and when it is. */
function batchAt(
  { length }: ImageSet,
  sampling: Sampling | undefined,
  { batch = 32, step = 0, seed = 1 }: Given
) {
  const order = new ImageOrder({ length, batch, seed, sampling })
  order.skip(step)
  return { indices: order.next(), step, epoch: step / order.perEpoch, seed }
}

/** Draws the batch as a contact sheet. */
async function writeSheet(path: string, { pictures }: SeenBatch) {
  const sharp = await loadSharp()
  const { data, height, width } = contactSheet(pictures)
  const png = await sharp(data, { raw: { height, width, channels: 3 } })
    .png()
    .toBuffer()
  await replaceWith(path, (temporary) => writeFile(temporary, png))
  return { height, width }
}

await program(async (signal) => {
  const given = await readArguments()
  const { out = 'batch.png', test = false, json = false } = given
  await loadSharp() // a missing sharp is reported before anything is downloaded
  const note = (text: string) => complain(wrapped(text))
  const data = await openData(given.data, { signal, onNotice: note })
  const { size, input, set, sampling, notes } = inputOf(given, data)
  const batch = batchAt(set, sampling, given)
  await using device = await open('cpu')
  const seen = await seenBatch(device, set, { ...batch, size, input, training: !test })
  const sheet = await writeSheet(out, seen)
  const { height, width } = seen.pictures
  const images = batch.indices.length
  if (json) {
    const labels = Array.from(seen.labels, (label) => set.classes[label] ?? `${label}`)
    printJson({ out: resolve(out), images, height, width, input: seen.input, labels, notes })
    return
  }
  for (const text of notes) note(text)
  print(entry('Images', `${images} of ${data.name}, ${height}×${width}`))
  print(entry('Input', inputText(seen, given)))
  print(entry('Sheet', `${sheet.height}×${sheet.width} pixels in ${onePiece(out)}`))
})
