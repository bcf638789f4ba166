/** `alexnode features`: writes a layer's outputs for images as a matrix. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { ImageSet } from '../data/dataset.ts'
import { type OpenDataOptions, openData } from '../data/open.ts'
import { findPictures } from '../data/photos/files/find.ts'
import { isPictureName } from '../data/photos/files/kinds.ts'
import {
  type FeatureFacts,
  type IndexedImage,
  isIndexName,
  writeIndex
} from '../use/feature-index.ts'
import { outputs } from '../use/outputs.ts'
import { type PhotoFiles, pictureSet } from '../use/photo-files.ts'
import { photosOf } from '../use/photo-form.ts'
import { partOf, type Split, splits } from '../use/split.ts'
import type { Trained } from '../use/trained.ts'
import { weightsDigest } from '../use/weights.ts'
import { choice, command, parse } from './shared/command.ts'
import { count } from './shared/format.ts'
import { print, printJson } from './shared/output.ts'
import { program, UsageError } from './shared/program.ts'
import { Reporter } from './shared/reporter.ts'
import { entry, onePiece } from './shared/text.ts'
import {
  addTrainedOptions,
  openFor,
  reportSkipped,
  type TrainedArguments
} from './shared/trained.ts'

interface Given extends TrainedArguments {
  readonly layer?: string
  readonly split?: Split
}

interface Arguments extends Given {
  readonly run: string
  readonly source: string
  readonly out: string
}

async function readArguments(): Promise<Arguments> {
  const features = await command(
    'features',
    "Writes a layer's outputs for images, one row an image, and the list of the images beside it " +
      '(OUT.json), for alexnode similar or other programs. The outputs are taken after the activation ' +
      'that follows the layer.'
  )
  features
    .usage('RUN SRC OUT [options]')
    .argument('<run>', "the run's folder")
    .argument('<src>', 'a folder of photographs, or a data set, as train takes it')
    .argument('<out>', 'OUT.npy or OUT.safetensors')
    .option('--layer <name>', 'layer (fc7)')
    .addOption(await choice('--split <name>', 'images of a data set (all)', splits))
  const given = await parse<Given>(await addTrainedOptions(features))
  const [run = '', source = '', out = ''] = features.args
  if (!isIndexName(out)) {
    throw new UsageError(`alexnode features: expected OUT.npy or OUT.safetensors, got ${out}.`)
  }
  return { ...given, run, source, out }
}

/** Images and their names. */
interface Source extends AsyncDisposable {
  readonly folder: string
  readonly set: ImageSet
  /** The same set, if its images are files that may not be photographs. */
  readonly photos?: PhotoFiles
  name(index: number, label: number): IndexedImage
}

async function openSource(
  { source, split = 'all' }: Arguments,
  { facts: { data } }: Trained,
  options: OpenDataOptions
): Promise<Source> {
  const stats = await stat(source).catch(() => undefined)
  if (stats?.isDirectory() || (stats && isPictureName(source))) {
    const found = await findPictures(source, options.signal)
    const { folder, pictures, notes } = found
    const names = pictures.map(({ name }) => name)
    if (names.some(isPictureName)) {
      for (const note of notes) options.onNotice?.(note)
      const whole = pictures.map((one) => ({ ...one, name: join(folder, one.name) }))
      const photos = pictureSet(whole, data)
      const name = (index: number) => ({ file: names[index] ?? '' })
      return { folder, set: photos, photos, name, [Symbol.asyncDispose]: () => found.close() }
    }
    await found.close()
  }
  const set = partOf(await openData(source, { ...options, photos: photosOf(data) }), split)
  const name = (index: number, label: number) => {
    const known = set.classes[label]
    const file = set.name?.(index) ?? `${split}/${index}`
    return { file, ...(known !== undefined && { class: known }) }
  }
  return { folder: source, set, name, [Symbol.asyncDispose]: async () => {} }
}

await program(async (signal) => {
  const given = await readArguments()
  const { run, out, layer = 'fc7', json = false } = given
  const report = new Reporter({ json })
  await using opened = await openFor(given)
  const trained = await opened.net(run, { layer })
  const { net, facts } = trained
  const opening = { signal, onNotice: report.note, onPrepare: report.preparing }
  await using source = await openSource(given, trained, opening)
  const { set, photos, folder, name } = source
  const images: IndexedImage[] = []
  const suited = trained.takeUnlabelled(set)

  async function* rows() {
    for await (const batch of outputs(net, suited, { input: facts.input, signal })) {
      for (let row = 0; row < batch.rows; row++) {
        const index = batch.first + row
        if (photos?.failures.has(index)) continue
        images.push(name(index, suited.truth[index] ?? -1))
        yield batch.values.subarray(row * net.classes, (row + 1) * net.classes)
      }
      report.testing(batch.first + batch.rows, set.length)
    }
  }

  const weights = await weightsDigest(facts)
  const written = await writeIndex(out, net.classes, rows(), (): FeatureFacts => {
    return { run, layer, net: facts.definition.name, weights, folder, images }
  })
  const skipped = photos ? reportSkipped(photos) : []
  if (json) {
    printJson({ images: written, dimensions: net.classes, layer, file: out, skipped })
    return
  }
  const size = `${count(written)} images × ${count(net.classes)}`
  print(entry('Features', `${layer}: ${size}, ${onePiece(out)}`))
})
