/** `alexnode predict`: what a trained net takes photographs for. */
import { evaluate, type PredictedBatch } from '../training/evaluate/evaluate.ts'
import { photoFiles } from '../use/photo-files.ts'
import { ranked } from '../use/scores.ts'
import { choice, command, parse, readers } from './command.ts'
import { fraction } from './format.ts'
import { program } from './program.ts'
import {
  addTrainedOptions,
  BATCH,
  openFor,
  printJson,
  type TrainedArguments,
  tellSkipped
} from './trained.ts'

interface Given extends TrainedArguments {
  readonly top?: number
  readonly views?: string
}

interface Arguments extends Given {
  readonly run: string
  readonly images: readonly string[]
}

async function readArguments(): Promise<Arguments> {
  const { whole } = await readers()
  const predict = await command(
    'predict',
    'Says what a trained net takes photographs for: JPEG, PNG or WebP files, brought to the size and the ' +
      'channels that it was trained on. One that cannot be read is told, and the others go on; the program ' +
      'then ends with 1.'
  )
  predict
    .usage('RUN IMAGE… [options]')
    .argument('<run>', "the run's folder")
    .argument('<images...>', 'files')
    .option('--top <n>', 'how many classes to name (5)', whole(1))
    .addOption(
      await choice('--views <n>', '10: corners and centre, each mirrored, too (1)', ['1', '10'])
    )
  const given = await parse<Given>(await addTrainedOptions(predict), process.argv.slice(2))
  const [run = '', ...images] = predict.args
  return { ...given, run, images }
}

interface Named {
  readonly class: string
  readonly probability: number
}

await program(async (signal) => {
  const { run, images, top = 5, json = false, ...given } = await readArguments()
  await using opened = await openFor(given)
  const trained = await opened.net(run, { batch: Math.min(given.batch ?? BATCH, images.length) })
  const { net, classes, facts } = trained
  const set = photoFiles(images, facts.data)
  const predictions: { file: string; top: readonly Named[] }[] = []
  const onBatch = ({ first, labels, probabilities }: PredictedBatch) => {
    for (const row of labels.keys()) {
      const file = images[first + row] ?? ''
      if (set.failures.has(first + row)) continue
      const values = probabilities.subarray(row * net.classes, (row + 1) * net.classes)
      const named = ranked(values, top).map(({ label, probability }) => {
        return { class: classes[label] ?? String(label), probability }
      })
      predictions.push({ file, top: named })
      if (!json) process.stdout.write(text(file, named))
    }
  }
  const views = given.views === '10' ? 10 : 1
  const how = { input: facts.input, views, onBatch, signal } as const
  await evaluate(net, trained.takeUnlabelled(set), how)
  const skipped = tellSkipped(set)
  if (json) printJson({ predictions, skipped })
  if (skipped.length > 0) process.exitCode = 1
})

function text(file: string, best: readonly Named[]): string {
  const lines = best.map((one) => `  ${fraction(one.probability).padStart(5)}  ${one.class}`)
  return `${[file, ...lines].join('\n')}\n`
}
