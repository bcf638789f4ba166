/** `alexnode features`: what a layer of a trained net gives for images, as a matrix in a file. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { ImageSet } from '../data/dataset.ts'
import { type OpenDataOptions, openData } from '../data/open.ts'
import {
  type FeatureFacts,
  type IndexedImage,
  isIndexName,
  writeIndex
} from '../use/feature-index.ts'
import { findPhotos } from '../use/find-photos.ts'
import { outputs } from '../use/outputs.ts'
import { type PhotoFiles, photoFiles } from '../use/photo-files.ts'
import { partOf, type Split, splits } from '../use/split.ts'
import { type Trained, weightsDigest } from '../use/trained.ts'
import { choice, command, parse } from './command.ts'
import { count, entry, onePiece } from './format.ts'
import { program, UsageError } from './program.ts'
import { createReport } from './report.ts'
import {
  addTrainedOptions,
  openFor,
  printJson,
  type TrainedArguments,
  tellSkipped
} from './trained.ts'

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
    'Writes what a layer of a trained net gives for images, a row each, and beside it (OUT.json) which ' +
      'images they are: for alexnode similar, or for other programs. The activation that follows the ' +
      'layer counts with it.'
  )
  features
    .usage('RUN SRC OUT [options]')
    .argument('<run>', "the run's folder")
    .argument('<src>', 'photographs, in a folder and below it; or data, as for train')
    .argument('<out>', 'OUT.npy or OUT.safetensors')
    .option('--layer <name>', 'the layer (fc7)')
    .addOption(await choice('--split <name>', "which of data's images (all)", splits))
  const given = await parse<Given>(await addTrainedOptions(features), process.argv.slice(2))
  const [run = '', source = '', out = ''] = features.args
  if (!isIndexName(out)) {
    throw new UsageError(`alexnode features: expected OUT.npy or OUT.safetensors, got ${out}.`)
  }
  return { ...given, run, source, out }
}

/** The images, and what each is called. */
interface Source {
  readonly folder: string
  readonly set: ImageSet
  /** Where they are files of their own. */
  readonly photos?: PhotoFiles
  name(index: number, label: number): IndexedImage
}

async function openSource(
  { source, split = 'all' }: Arguments,
  { facts: { data } }: Trained,
  told: OpenDataOptions
): Promise<Source> {
  const isPath = (await stat(source).catch(() => undefined)) !== undefined
  const { folder, names } = isPath ? await findPhotos(source) : { folder: '.', names: [] }
  if (names.length > 0) {
    const set = photoFiles(
      names.map((name) => join(folder, name)),
      data
    )
    return { folder, set, photos: set, name: (index) => ({ file: names[index] ?? '' }) }
  }
  const set = partOf(await openData(source, told), split)
  const name = (index: number, label: number) => {
    const known = set.classes[label]
    const file = set.name?.(index) ?? `${split}/${index}`
    return { file, ...(known !== undefined && { class: known }) }
  }
  return { folder: source, set, name }
}

await program(async (signal) => {
  const given = await readArguments()
  const { run, out, layer = 'fc7', json = false } = given
  const report = createReport({ json })
  await using opened = await openFor(given)
  const trained = await opened.net(run, { layer })
  const { net, facts } = trained
  const { set, photos, folder, name } = await openSource(given, trained, {
    signal,
    onNotice: report.note,
    onPrepare: report.preparing
  })
  const images: IndexedImage[] = []
  const suited = trained.takeUnlabelled(set)

  async function* rows() {
    for await (const batch of outputs(net, suited, { input: facts.input, signal })) {
      const numbers = Array.from({ length: batch.rows }, (_, i) => batch.first + i)
      const good = numbers.filter((index) => !photos?.failures.has(index))
      for (const index of good) {
        images.push(name(index, suited.truth[index] ?? -1))
        const from = (index - batch.first) * net.classes
        yield batch.values.subarray(from, from + net.classes)
      }
      report.testing(batch.first + batch.rows, set.length)
    }
  }

  const about = { run, layer, net: facts.definition.name, weights: await weightsDigest(facts) }
  const written = await writeIndex(out, net.classes, rows(), (): FeatureFacts => {
    return { ...about, folder, images }
  })
  const skipped = photos ? tellSkipped(photos) : []
  if (json) {
    printJson({ images: written, dimensions: net.classes, layer, file: out, skipped })
  } else {
    const text = `${layer}: ${count(written)} images × ${count(net.classes)}, ${onePiece(out)}`
    process.stdout.write(`${entry('Features', text)}\n`)
  }
  if (skipped.length > 0) process.exitCode = 1
})
