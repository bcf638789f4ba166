/** `alexnode evaluate`: accuracy and confusion matrix of a trained net. */
import { extname, resolve } from 'node:path'
import type { ResizeFilter } from '../data/dataset.ts'
import { openData } from '../data/open.ts'
import { assess } from '../use/assess.ts'
import { photosOf } from '../use/photo-form.ts'
import { confusionSvg } from '../use/plot/confusion.ts'
import { writeDrawing } from '../use/png.ts'
import type { Scores } from '../use/scores.ts'
import { defaultSplit, partOf, type Split, splits } from '../use/split.ts'
import type { Trained } from '../use/trained.ts'
import { replaceFile } from '../util/files/atomic.ts'
import { foreign } from '../util/foreign.ts'
import { counted, someOf } from '../util/words.ts'
import { choice, command, parse } from './shared/command.ts'
import { DamagedImages, damagedJson, damagedNote, skipping, strictHelp } from './shared/damaged.ts'
import { deviceText } from './shared/device-text.ts'
import { count, fraction, notFiniteText, pace } from './shared/format.ts'
import { onceEach, realPath } from './shared/once.ts'
import { filterOption, viewsOf, viewsOption } from './shared/options.ts'
import { print, printJson } from './shared/output.ts'
import { program } from './shared/program.ts'
import { Reporter } from './shared/reporter.ts'
import { tableText } from './shared/table.ts'
import { entry, onePiece } from './shared/text.ts'
import { addTrainedOptions, openFor, type TrainedArguments } from './shared/trained.ts'

/** Classes and confusions that the text shows. */
const SHOWN = 10
/** Confusions that the JSON object has. */
const LISTED = 100

interface Given extends TrainedArguments {
  readonly data?: string
  readonly split?: Split
  readonly views?: string
  readonly resizeFilter?: ResizeFilter
  readonly average?: string
  readonly confusion?: string
  readonly strict?: boolean
}

interface Arguments extends Given {
  readonly run: string
}

async function readArguments(): Promise<Arguments> {
  const evaluate = await command(
    'evaluate',
    'Measures the top-1 and top-5 error of a trained net, per class, too, and its most frequent ' +
      'confusions. With --average, the probabilities of several nets are averaged.'
  )
  evaluate
    .usage('RUN [options]')
    .argument('<run>', "the run's folder")
    .option('--data <name>', "data set, as train takes it (the run's)")
    .addOption(
      await choice(
        '--split <name>',
        'images to test on (test; all where there is no split)',
        splits
      )
    )
    .addOption(await viewsOption())
    .addOption(await filterOption("the run's"))
    .option('--average <runs>', 'other runs to average with, comma-separated')
    .option('--confusion <file>', 'write the confusion matrix as CSV, or as FILE.png')
    .option('--strict', strictHelp)
  const given = await parse<Given>(await addTrainedOptions(evaluate))
  const [run = ''] = evaluate.args
  return { ...given, run }
}

/**
 * The folders of all runs, each once; the one that the command line names first is the first.
 * @param onNote is told which were named again
 */
function runsOf(
  { run, average = '' }: Arguments,
  onNote: (text: string) => void
): readonly string[] {
  const others = average.split(',').map((name) => name.trim())
  const { kept, again } = onceEach([run, ...others.filter((name) => name !== '')], realPath)
  if (again.length > 0) {
    onNote(`Named again, and counted once: ${counted(again.length, 'run')} (${someOf(again)}).`)
  }
  return kept
}

function classTable(scores: Scores): Promise<string> {
  const seen = scores.perClass.filter(({ images }) => images > 0)
  const worst = seen.sort((a, b) => b.top1Error - a.top1Error).slice(0, SHOWN)
  const rows = worst.map(({ name, images, top1Error, top5Error }) => {
    return [foreign(name), count(images), fraction(top1Error), fraction(top5Error)]
  })
  const rest = seen.length - worst.length
  return tableText(
    {
      head: ['class', 'images', 'top-1 error', 'top-5 error'],
      align: ['left', 'right', 'right', 'right'],
      widths: [36, 10, 14, 14]
    },
    rest > 0 ? [...rows, [`${count(rest)} more, none worse`, '', '', '']] : rows
  )
}

function confusionTable(scores: Scores): Promise<string> {
  const rows = scores.confusions(SHOWN).map(({ truth, predicted, images }) => {
    return [foreign(truth), foreign(predicted), count(images)]
  })
  return tableText(
    {
      head: ['true class', 'predicted class', 'images'],
      align: ['left', 'left', 'right'],
      widths: [33, 33, 10]
    },
    rows
  )
}

function jsonOf(scores: Scores, settings: object): object {
  return {
    top1_error: scores.top1Error,
    top5_error: scores.top5Error,
    loss: scores.loss,
    images: scores.images,
    ...(scores.notFinite > 0 && { not_finite: scores.notFinite }),
    ...settings,
    confusions: scores.confusions(LISTED).map(({ truth, predicted, images }) => {
      return { class: truth, predicted, images }
    }),
    per_class: scores.perClass.map(({ name, images, top1Error, top5Error }) => {
      const errors = images > 0 ? { top1_error: top1Error, top5_error: top5Error } : {}
      return { class: name, images, ...errors }
    })
  }
}

await program(async (signal) => {
  const given = await readArguments()
  const { confusion, json = false, strict = false } = given
  const report = new Reporter({ json })
  await using opened = await openFor(given)
  const [folder = '', ...others] = runsOf(given, report.note)
  const first = await opened.net(folder)
  const nets: [Trained, ...Trained[]] = [first]
  for (const other of others) nets.push(await opened.net(other))

  const named = given.data ?? first.facts.dataName
  const { resizeFilter: filter } = given
  const data = await openData(named, {
    signal,
    photos: photosOf({ ...first.facts.data, ...(filter && { filter }) }),
    onNotice: report.note,
    onPrepare: report.preparing
  })
  const trainedOn = nets.some(({ facts }) => {
    return facts.data.name === data.name || resolve(facts.dataName ?? '') === resolve(named ?? '')
  })
  const split = given.split ?? defaultSplit(data, trainedOn)
  const { name, source } = data
  const views = viewsOf(given)
  const start = performance.now()
  const options = { views, signal, onProgress: report.testing }
  const damaged = new DamagedImages()
  const whole = skipping(strict, (damage) => {
    if (damaged.add(damage)) report.note(damagedNote(damage))
  })
  const parts = { ...data, train: whole(data.train), test: whole(data.test) }
  const scores = await assess(nets, partOf(parts, split), options)
  const rate = scores.images / ((performance.now() - start) / 1000)

  if (json) {
    const device = opened.where.name
    const weights = nets.map(({ facts }) => facts.weights)
    const skipped = damaged.all.map(damagedJson)
    const settings = {
      ...{ data: name, source, split, views, device, images_per_s: rate, nets: weights },
      ...(skipped.length > 0 && { skipped_images: skipped.length, skipped })
    }
    printJson(jsonOf(scores, settings))
  } else {
    const names = nets.map(({ facts }) => `${facts.definition.name}, ${onePiece(facts.weights)}`)
    const images = `${count(scores.images)} images${views === 10 ? ', ten views of each' : ''}`
    const errors = `top-1 ${fraction(scores.top1Error)}, top-5 ${fraction(scores.top5Error)}`
    print(entry('Net', names.join('\n')))
    const grey = data.train.channels === 3 && first.facts.data.channels === 1
    const taken = grey ? '\ncolours are taken as grey, as the net has one channel' : ''
    print(entry('Data', `${foreign(name)}, ${split}: ${images}\n${foreign(source)}${taken}`))
    print(deviceText(opened.devices.all, opened.where))
    print(entry('Errors', `${errors}, loss ${scores.loss.toFixed(3)}; ${pace(rate)} images/s`))
    if (damaged.all.length > 0) print(entry('Skipped', damaged.text))
    if (scores.notFinite > 0) print(entry('Not finite', notFiniteText(scores.notFinite).slice(2)))
    print(await classTable(scores))
    if (scores.confusions(1).length > 0) print(await confusionTable(scores))
  }
  if (confusion === undefined) return
  // Last, so that a file that cannot be written loses nothing else.
  if (extname(confusion).toLowerCase() === '.png') {
    await writeDrawing(confusion, confusionSvg(scores))
  } else await replaceFile(confusion, scores.csv())
  if (!json) print(entry('Matrix', onePiece(confusion)))
})
