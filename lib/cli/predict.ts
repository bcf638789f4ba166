/** `alexnode predict`: classifies photographs with a trained net. */
import type { ResizeFilter } from '../data/dataset.ts'
import { evaluate, type PredictedBatch } from '../training/evaluate/evaluate.ts'
import { pictureSet } from '../use/photo-files.ts'
import { ranked } from '../use/scores.ts'
import { foreign } from '../util/foreign.ts'
import { command, parse } from './shared/command.ts'
import { fraction } from './shared/format.ts'
import { numberParsers } from './shared/numbers.ts'
import { filterOption, viewsOf, viewsOption } from './shared/options.ts'
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
  readonly top?: number
  readonly views?: string
  readonly resizeFilter?: ResizeFilter
}

interface Arguments extends Given {
  readonly run: string
  readonly images: readonly string[]
}

async function readArguments(): Promise<Arguments> {
  const { whole } = await numberParsers()
  const predict = await command(
    'predict',
    'Classifies photographs with a trained net: JPEG, PNG or WebP files, converted to the size and ' +
      'channels of its training images. A file that cannot be read is reported and skipped; the exit ' +
      'code is then 1.'
  )
  predict
    .usage('RUN IMAGE… [options]')
    .argument('<run>', "the run's folder")
    .argument('<images...>', 'files, or folders of them')
    .option('--top <n>', 'classes to name for each (5)', whole(1))
    .addOption(await viewsOption())
    .addOption(await filterOption("the run's"))
  const given = await parse<Given>(await addTrainedOptions(predict))
  const [run = '', ...images] = predict.args
  return { ...given, run, images }
}

interface ClassProbability {
  readonly class: string
  readonly probability: number
}

function textOf(file: string, top: readonly ClassProbability[]): string {
  const lines = top.map(
    (one) => `  ${fraction(one.probability).padStart(5)}  ${foreign(one.class)}`
  )
  return [foreign(file), ...lines].join('\n')
}

await program(async (signal) => {
  const given = await readArguments()
  const { run, images, top: most = 5, json = false } = given
  await using named = await namedPictures(images, signal)
  const { pictures } = named
  const report = new Reporter({ json })
  for (const note of named.notes) report.note(note)
  if (pictures.length === 0) throw new UsageError('alexnode predict: expected pictures, got none.')
  await using opened = await openFor(given)
  const trained = await opened.net(run, { batch: Math.min(given.batch ?? BATCH, pictures.length) })
  const { net, classes, facts } = trained
  const { resizeFilter: filter } = given
  const set = pictureSet(pictures, { ...facts.data, ...(filter && { filter }) })
  const predictions: { file: string; top: readonly ClassProbability[] }[] = []
  const onBatch = ({ first, labels, probabilities }: PredictedBatch) => {
    for (const row of labels.keys()) {
      if (set.failures.has(first + row)) continue
      const file = set.files[first + row] ?? ''
      const values = probabilities.subarray(row * net.classes, (row + 1) * net.classes)
      const top = ranked(values, most).map(({ label, probability }) => {
        return { class: classes[label] ?? String(label), probability }
      })
      predictions.push({ file, top })
      if (!json) print(textOf(file, top))
    }
  }
  const options = { input: facts.input, views: viewsOf(given), onBatch, signal }
  await evaluate(net, trained.takeUnlabelled(set), options)
  const skipped = reportSkipped(set)
  if (json) printJson({ predictions, skipped })
})
