/** `alexnode show-batch`: a contact sheet of a batch as the net sees it. */

import { writeFile } from 'node:fs/promises'
import { extname, resolve } from 'node:path'
import type { ImageSet } from '../data/dataset.ts'
import { dataNames, openData } from '../data/open.ts'
import { loadSharp } from '../data/photos/sharp.ts'
import { open } from '../engine/device.ts'
import { netByName, netNames } from '../net/models/index.ts'
import { recipeByName, recipeNames } from '../run/recipes/index.ts'
import { coloured, suitInput } from '../run/recipes/input.ts'
import type { InputRecipe } from '../training/input/augment.ts'
import { contactSheet } from '../training/input/contact-sheet.ts'
import { type SeenBatch, seenBatch } from '../training/input/seen-batch.ts'
import { ImageOrder } from '../training/loop/image-order.ts'
import { replaceWith } from '../util/files/atomic.ts'
import { choice, command, parse, readers } from './command.ts'
import { entry, onePiece } from './format.ts'
import { program, UsageError } from './program.ts'

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
  const { whole } = await readers()
  const showBatch = await command(
    'show-batch',
    'Writes a contact sheet of a batch as the net sees it in training: cropped, mirrored and coloured, ' +
      'with the mean added back. In brackets: what is used where an option is left out.'
  )
  showBatch
    .usage('[options]')
    .option(
      '--data <path>',
      `as train takes it: a path, or ${dataNames.join(', ')} (Fashion-MNIST)`
    )
    .addOption(await choice('--recipe <name>', 'whose input, and whose net', recipeNames))
    .addOption(
      await choice('--net <name>', 'whose size (alexnet, fashion for grey images)', netNames)
    )
    .addOption(await choice('--fit <how>', 'what becomes of larger images', ['crop', 'resize']))
    .option('--flip', 'mirror every second image, by chance')
    .option('--no-flip', 'mirror none')
    .option('--test', 'as an evaluation sees it: nothing is left to chance')
    .option('--batch <n>', 'images (32)', whole(1))
    .option('--step <n>', 'steps done before (0)', whole(0, 2 ** 32 - 1))
    .option('--seed <n>', 'decides order and draws (1)', whole(0))
    .option('--out <file>', 'the picture (batch.png)')
    .option('--json', 'print one JSON object')
  const given = await parse<Given>(showBatch, process.argv.slice(2))
  const { out } = given
  if (out !== undefined && extname(out).toLowerCase() !== '.png') {
    throw new UsageError(`alexnode show-batch: expected a name that ends in .png, got ${out}.`)
  }
  return given
}

/** The size of the net's input, and how images become it. */
function inputOf({ recipe: name, net, fit, flip }: Given, set: ImageSet) {
  const like = { channels: set.channels, classes: set.classes.length }
  const own: InputRecipe | undefined =
    fit === undefined && flip === undefined
      ? undefined
      : { ...(fit && { fit }), ...(flip !== undefined && { flip }) }
  if (name === undefined) {
    const size = netByName(net ?? (set.channels === 1 ? 'fashion' : 'alexnet'), like).input
    return { size, input: own, set, notes: [] }
  }
  const recipe = recipeByName(name)
  const size = netByName(net ?? recipe.net.name, { ...recipe.net.options, ...like }).input
  const { input, borrowed, notes } = suitInput(recipe, set, size)
  return { size, input: { ...input, ...own }, set: borrowed ? coloured(set) : set, notes }
}

/** What a batch went through, in words. */
function words({ input }: SeenBatch, { test = false }: Given): string {
  const { fit, flip, offsets, shared, colour } = input
  if (test) return fit === 'crop' ? 'centre crop' : 'whole'
  const [down, across] = offsets
  const by = shared > 1 ? `, ${shared} alike` : ''
  const parts = [
    fit === 'crop' ? `cropped at one of ${down}×${across} places${by}` : 'whole',
    flip && 'half mirrored',
    colour && `colours N(0, ${colour.sigma}) × ${colour.form}`
  ]
  return parts.filter(Boolean).join(', ')
}

await program(async (signal) => {
  const given = await readArguments()
  const { batch = 32, step = 0, seed = 1, out = 'batch.png', test = false, json = false } = given
  const sharp = await loadSharp()
  const note = (text: string) => process.stderr.write(`${text}\n`)
  const data = await openData(given.data, { signal, onNotice: note })
  const { size, input, set, notes } = inputOf(given, data.train)
  const perEpoch = Math.ceil(set.length / batch)
  const place = { epoch: Math.floor(step / perEpoch), position: (step % perEpoch) * batch }
  const indices = new ImageOrder(set.length, batch, seed, place).next()
  await using device = await open('cpu')
  const epoch = step / perEpoch
  const options = { indices, size, input, training: !test, step, epoch, seed }
  const seen = await seenBatch(device, set, options)
  const sheet = contactSheet(seen.pictures)
  const { height, width } = sheet
  const raw = { raw: { height, width, channels: 3 } } as const
  const png = await sharp(sheet.data, raw).png().toBuffer()
  await replaceWith(out, (path) => writeFile(path, png))
  const labels = Array.from(seen.labels, (label) => set.classes[label] ?? `${label}`)
  if (json) {
    const shape = { height: seen.pictures.height, width: seen.pictures.width }
    const object = {
      out: resolve(out),
      images: indices.length,
      ...shape,
      input: seen.input,
      labels
    }
    process.stdout.write(`${JSON.stringify({ ...object, notes })}\n`)
    return
  }
  for (const text of notes) note(text)
  const { pictures } = seen
  const what = `${indices.length} of ${data.name}, ${pictures.height}×${pictures.width}`
  process.stdout.write(
    `${entry('Images', what)}\n${entry('Input', words(seen, given))}\n${entry('Sheet', `${height}×${width} pixels in ${onePiece(out)}`)}\n`
  )
})
