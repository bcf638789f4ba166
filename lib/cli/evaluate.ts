/** `alexnode evaluate`: how often a trained net is right, and what it takes for what. */
import { resolve } from 'node:path'
import { openData } from '../data/open.ts'
import { assess } from '../use/assess.ts'
import type { Scores } from '../use/scores.ts'
import { partOf, type Split, splits, usualSplit } from '../use/split.ts'
import type { Trained } from '../use/trained.ts'
import { replaceFile } from '../util/files/atomic.ts'
import { choice, command, parse } from './command.ts'
import { deviceText } from './device.ts'
import { count, entry, fraction, onePiece, pace } from './format.ts'
import { program } from './program.ts'
import { createReport } from './report.ts'
import { addTrainedOptions, openFor, printJson, type TrainedArguments } from './trained.ts'

/** How many classes and confusions are shown to people. */
const SHOWN = 10

interface Given extends TrainedArguments {
  readonly data?: string
  readonly split?: Split
  readonly views?: string
  readonly average?: string
  readonly confusion?: string
}

interface Arguments extends Given {
  readonly run: string
}

async function readArguments(): Promise<Arguments> {
  const evaluate = await command(
    'evaluate',
    'Says how often a trained net is right: top-1 and top-5 error, the classes it errs in most, and what ' +
      'it takes for what. Several nets can be asked together: their probabilities are averaged.'
  )
  evaluate
    .usage('RUN [options]')
    .argument('<run>', "the run's folder")
    .option('--data <name>', 'as for train (what the run was trained on)')
    .addOption(
      await choice(
        '--split <name>',
        'which of its images (test; all of a list or folder without one)',
        splits
      )
    )
    .addOption(
      await choice('--views <n>', '10: corners and centre, each mirrored, too (1)', ['1', '10'])
    )
    .option('--average <runs>', 'runs to ask besides, with commas between them')
    .option('--confusion <file>', 'write the whole matrix as CSV')
  const given = await parse<Given>(await addTrainedOptions(evaluate), process.argv.slice(2))
  const [run = ''] = evaluate.args
  return { ...given, run }
}

/** The runs to ask, the first of them first. */
function runsOf({ run, average = '' }: Arguments): readonly string[] {
  const others = average.split(',').map((name) => name.trim())
  return [run, ...others.filter((name) => name !== '')]
}

async function classTable(scores: Scores): Promise<string> {
  const { default: Table } = await import('cli-table3')
  const table = new Table({
    head: ['class', 'images', 'top-1 error', 'top-5 error'],
    colAligns: ['left', 'right', 'right', 'right'],
    colWidths: [36, 10, 14, 14],
    style: { head: [], border: [], compact: true }
  })
  const seen = scores.perClass.filter(({ images }) => images > 0)
  const worst = seen.sort((a, b) => b.top1Error - a.top1Error).slice(0, SHOWN)
  for (const { name, images, top1Error, top5Error } of worst) {
    table.push([name, count(images), fraction(top1Error), fraction(top5Error)])
  }
  const rest = seen.length - worst.length
  if (rest > 0) table.push([`${count(rest)} more, none worse`, '', '', ''])
  return table.toString()
}

async function confusionTable(scores: Scores): Promise<string> {
  const { default: Table } = await import('cli-table3')
  const table = new Table({
    head: ['is', 'taken for', 'images'],
    colAligns: ['left', 'left', 'right'],
    colWidths: [33, 33, 10],
    style: { head: [], border: [], compact: true }
  })
  for (const { truth, predicted, images } of scores.confusions(SHOWN)) {
    table.push([truth, predicted, count(images)])
  }
  return table.toString()
}

function jsonOf(scores: Scores, more: object): object {
  return {
    ...{ top1_error: scores.top1Error, top5_error: scores.top5Error, loss: scores.loss },
    ...{ images: scores.images, ...more },
    confusions: scores.confusions(100).map(({ truth, predicted, images }) => {
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
  const { confusion, json = false } = given
  const report = createReport({ json })
  const runs = runsOf(given)
  await using opened = await openFor(given)
  const [folder = '', ...others] = runs
  const first = await opened.net(folder)
  const nets: [Trained, ...Trained[]] = [first]
  for (const other of others) nets.push(await opened.net(other))

  const named = given.data ?? first.facts.dataName
  const data = await openData(named, { signal, onNotice: report.note, onPrepare: report.preparing })
  const own = nets.some(({ facts }) => {
    return facts.data.name === data.name || resolve(facts.dataName ?? '') === resolve(named ?? '')
  })
  const split = given.split ?? usualSplit(data, own)
  const set = partOf(data, split)
  const { name, source } = data
  const views = given.views === '10' ? 10 : 1
  const start = performance.now()
  const scores = await assess(nets, set, { views, signal, onProgress: report.testing })
  const rate = scores.images / ((performance.now() - start) / 1000)
  // Last: a file that cannot be written must not take the rest along.
  const matrix = async () => {
    if (confusion !== undefined) await replaceFile(confusion, scores.csv())
  }

  if (json) {
    const how = { data: name, source, split, views, device: opened.where.name, images_per_s: rate }
    printJson(jsonOf(scores, { ...how, nets: nets.map(({ facts }) => facts.weights) }))
    return matrix()
  }
  const names = nets.map(({ facts }) => `${facts.definition.name}, ${onePiece(facts.weights)}`)
  const errors = `top-1 ${fraction(scores.top1Error)}, top-5 ${fraction(scores.top5Error)}`
  const lines = [
    entry('Net', names.join('\n')),
    entry(
      'Data',
      `${name}, ${split}: ${count(scores.images)} images${views === 10 ? ', ten views of each' : ''}\n${source}`
    ),
    deviceText(opened.devices.all, opened.where),
    entry('Errors', `${errors}, loss ${scores.loss.toFixed(3)}; ${pace(rate)} images/s`),
    await classTable(scores),
    ...(scores.confusions(1).length > 0 ? [await confusionTable(scores)] : [])
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
  await matrix()
  if (confusion !== undefined) process.stdout.write(`${entry('Matrix', onePiece(confusion))}\n`)
})
