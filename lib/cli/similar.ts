/** `alexnode similar`: finds the images of an index whose features are nearest to those of others. */
import { join } from 'node:path'
import { type FeatureIndex, openIndex } from '../use/feature-index.ts'
import { nearest } from '../use/nearest.ts'
import { outputs } from '../use/outputs.ts'
import { type PhotoFiles, pictureSet } from '../use/photo-files.ts'
import { RunError, type Trained } from '../use/trained.ts'
import { weightsDigest } from '../use/weights.ts'
import { foreign } from '../util/foreign.ts'
import { command, parse } from './shared/command.ts'
import { numberParsers } from './shared/numbers.ts'
import { print, printJson } from './shared/output.ts'
import { program, UsageError } from './shared/program.ts'
import { Reporter } from './shared/reporter.ts'
import {
  addTrainedOptions,
  BATCH,
  namedPictures,
  openFor,
  reportSkipped,
  type TrainedArguments
} from './shared/trained.ts'

interface Given extends TrainedArguments {
  readonly index: string
  readonly run?: string
  readonly top?: number
}

interface Arguments extends Given {
  readonly queries: readonly string[]
}

async function readArguments(): Promise<Arguments> {
  const { whole } = await numberParsers()
  const similar = await command(
    'similar',
    'Finds the images of an index that are nearest to photographs, by the Euclidean distance of their ' +
      "features (the paper's figure 4). alexnode features writes the index."
  )
  similar
    .usage('QUERY… --index FILE [options]')
    .argument('<queries...>', 'photographs, or folders of them')
    .requiredOption('--index <file>', 'the file that alexnode features wrote')
    .option('--run <folder>', "the run's folder (as saved in the index)")
    .option('--top <n>', 'images to name for each (6)', whole(1))
  const given = await parse<Given>(await addTrainedOptions(similar))
  return { ...given, queries: similar.args }
}

/** @throws RunError if the net is not the one that wrote the index */
async function checkIndex(path: string, index: FeatureIndex, trained: Trained): Promise<void> {
  const { facts, net } = trained
  if ((await weightsDigest(facts)) !== index.weights) {
    throw new RunError(
      `[similar] ${path}: expected the features of ${facts.weights}, got those of other weights: ` +
        'write the index again with alexnode features, or name its run with --run'
    )
  }
  if (index.width !== net.classes) {
    throw new RunError(
      `[similar] ${path}: expected rows of ${net.classes} numbers, as ${index.layer} gives, got rows ` +
        `of ${index.width}: write the index again with alexnode features`
    )
  }
}

/** The features of the photographs that can be decoded, [rows, units], and which those are. */
async function featuresOf(trained: Trained, set: PhotoFiles, signal: AbortSignal) {
  const width = trained.net.classes
  const features = new Float32Array(set.length * width)
  const decoded: number[] = []
  const suited = trained.takeUnlabelled(set)
  const { input } = trained.facts
  for await (const { first, rows, values } of outputs(trained.net, suited, { input, signal })) {
    for (let row = 0; row < rows; row++) {
      if (set.failures.has(first + row)) continue
      features.set(values.subarray(row * width, (row + 1) * width), decoded.length * width)
      decoded.push(first + row)
    }
  }
  return { features: features.subarray(0, decoded.length * width), decoded }
}

await program(async (signal) => {
  const given = await readArguments()
  const { queries, index: path, top = 6, json = false } = given
  const index = await openIndex(path)
  await using named = await namedPictures(queries, signal)
  const { pictures } = named
  const report = new Reporter({ json })
  for (const note of named.notes) report.note(note)
  if (pictures.length === 0) throw new UsageError('alexnode similar: expected pictures, got none.')
  await using opened = await openFor(given)
  const batch = Math.min(given.batch ?? BATCH, pictures.length)
  const trained = await opened.net(given.run ?? index.run, { batch, layer: index.layer })
  await checkIndex(path, index, trained)

  const set = pictureSet(pictures, trained.facts.data)
  const { features, decoded } = await featuresOf(trained, set, signal)
  const found = await nearest(features, index.width, index.rows(), top)
  const results = decoded.map((query, i) => ({
    file: set.files[query] ?? '',
    nearest: (found[i] ?? []).map(({ row, distance }) => {
      const { file = '', ...more } = index.images[row] ?? {}
      return { file: join(index.folder, file), ...more, distance }
    })
  }))
  const skipped = reportSkipped(set)
  if (json) {
    printJson({ queries: results, skipped })
    return
  }
  for (const { file, nearest } of results) {
    const lines = nearest.map(
      (one) => `  ${one.distance.toPrecision(4).padStart(8)}  ${foreign(one.file)}`
    )
    print([foreign(file), ...lines].join('\n'))
  }
})
