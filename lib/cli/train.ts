/** `alexnode train`, and `npm start`: trains a net, tests it, and keeps the run. */
import type { ImageSet } from '../data/dataset.ts'
import { type Group, joinGroup } from '../group/group.ts'
import type { Net } from '../net/net.ts'
import { openDevices } from '../net/placement/devices.ts'
import { type Plan, planOf } from '../run/recipes/plan.ts'
import type { TrainSettings } from '../run/settings.ts'
import { openSharedTraining } from '../run/shared-training.ts'
import { splitData, withFewerTests } from '../run/split-data.ts'
import { takeWeights } from '../run/take-weights.ts'
import { requireRun } from '../run/to-resume.ts'
import type { TrainingRun } from '../run/training-run.ts'
import { writeTrace } from '../training/bench/chrome-trace.ts'
import { evaluate, type PredictedBatch } from '../training/evaluate/evaluate.ts'
import { fitSteps } from '../training/loop/fit-steps.ts'
import { rangeTest } from '../training/range-test.ts'
import {
  type Diagnosis,
  NonFiniteError,
  type TrainOptions,
  train,
  type Validation
} from '../training/train.ts'
import type { Board } from '../use/tensorboard/board.ts'
import { PlainError } from '../util/foreign.ts'
import { skipping } from './shared/damaged.ts'
import { preferredDType, settleDevice } from './shared/device.ts'
import type { Saving } from './shared/ending.ts'
import { messageOf, program } from './shared/program.ts'
import { type TrainArguments, trainArguments } from './train/arguments.ts'
import { openBoard } from './train/board.ts'
import { DamageNews } from './train/damage-news.ts'
import { takeMean, takeMeanAgain } from './train/mean.ts'
import { checkRanks, checkSameData, inTurn, ranksText, stoppedByAny } from './train/ranks.ts'
import { TrainReport } from './train/report.ts'
import { begin, beginAgain, checkLayers, isNew, openAgain } from './train/start.ts'

/** Images in a batch of tests and validations. */
const TEST_BATCH = 64
/** Seconds for training and test, where no length is given. */
const SECONDS = 160

const FROZEN_AT_RANDOM =
  'The frozen layers keep the random weights that they start with: --from names others.'

await program(async (signal, saving) => {
  const given = await trainArguments(process.argv.slice(2))
  const { timeout } = given
  await using group = await joinGroup({ ...(timeout !== undefined && { timeout }) })
  try {
    await trainIn(group, given, signal, saving)
  } catch (error) {
    await group.fail(messageOf(error))
    throw error
  }
})

async function trainIn(
  group: Group,
  given: TrainArguments,
  signal: AbortSignal,
  saving: Saving
): Promise<void> {
  const report = new TrainReport({ json: given.json, silent: group.rank > 0 })
  report.ranks(ranksText(group))
  await checkRanks(group, given)

  const { out, keep } = given
  // A launcher on another machine may not see that rank 0 has a run.
  const resume = await group.ofFirst('whether to resume', given.resume)
  if (resume && group.rank === 0) await requireRun(out)
  const where = await settleDevice({
    ...given.settings,
    ...given.where,
    ...(resume && { resume: out })
  })
  await using devices = await openDevices(where.names, where.options)
  const preferred = preferredDType(devices.first, where)
  const dataOptions = {
    signal,
    workers: given.workers,
    onNotice: report.note,
    onPrepare: report.preparing
  }
  const fresh = await group.ofFirst('whether the run is new', await isNew(given))
  const wanted = { ...given.defaults, ...given.settings }
  if (fresh) checkLayers(wanted)
  const { from } = wanted
  const begun =
    fresh && from !== undefined
      ? await inTurn(group, 'to open the data', () => begin({ ...wanted, from }, dataOptions))
      : undefined
  const { meanFile } = wanted
  const mean =
    fresh && meanFile !== undefined
      ? await takeMean({ ...wanted, meanFile }, begun, dataOptions)
      : undefined
  await using run = await openSharedTraining(group, {
    out,
    resume,
    keep,
    settings: { ...given.settings, ...begun?.settings, ...mean?.settings },
    defaults: { ...given.defaults, dtype: preferred.dtype },
    onNote: report.note
  })

  const { start, meant, all } = await inTurn(group, 'to open the data of the run', async () => {
    const start = begun ?? (await beginAgain(run, dataOptions))
    const meant = mean ?? (await takeMeanAgain(run, start, dataOptions))
    const data = meant?.data ?? start?.data ?? (await openAgain(run, dataOptions))
    return { start, meant, all: run.sameData(data) }
  })
  await checkSameData(group, all)
  report.data(all)
  if (meant) report.note(meant.note)
  const { settings } = run
  const data = withFewerTests(settings, all)
  const reason = settings.dtype === preferred.dtype ? preferred.reason : 'as given'
  report.device(devices.all, where, settings.dtype, reason)

  const plan = planOf(settings, data)
  const { definition, freeze, optimizer, input, views } = plan
  const { batch, seed, dtype, accumulate = 1, ema, gradientDtype = 'f32' } = settings
  const { parallel } = where
  const shared = { group, gradientDtype, syncBatchNorm: settings.syncBatchNorm }
  const build = { batch, seed, dtype, optimizer, accumulate, ema, parallel, freeze, ...shared }
  await using net = await definition.build(devices.all, build)
  await report.net(net)
  if (start) {
    await takeWeights(net, start.start.file.path, start.taken)
    report.started(start)
  } else if (freeze && run.step === 0) report.note(FROZEN_AT_RANDOM)
  const news = new DamageNews(group, report.damaged)
  const whole = skipping(given.strict, news.add)
  const split = splitData(settings, plan.data)
  const images = whole(split.images)
  await using board = await openBoard(given, run, net, { images: split.validation?.set, report })
  const validation = split.validation && {
    ...split.validation,
    set: whole(split.validation.set),
    ...onValidation(run, report, board)
  }
  let stopped = false
  try {
    if (settings.lrAuto && run.step === 0)
      await findRate(net, images, run, plan, { report, signal })
    report.run(run, planOf(run.settings, data).notes)
    const options = { ...trainOptions(given, run, plan, report, board), signal }
    await saving(async () => {
      for await (const step of train(net, images, { ...options, validation })) {
        await run.log(step)
        await board?.step(step)
        await report.step(step)
        news.after(step.step)
      }
    })
    stopped = await stoppedByAny(group, signal)
    signal.throwIfAborted()
    if (stopped) throw new PlainError('[train] another rank was asked to stop: the run is saved')
    const seen = data.classes.map(() => 0)
    const onBatch = ({ labels }: PredictedBatch) => {
      for (const label of labels) seen[label] = (seen[label] ?? 0) + 1
    }
    const test = { batch: TEST_BATCH, input, views, signal, onBatch, onProgress: report.testing }
    const result = given.test ? await evaluate(net, whole(plan.data.test), test) : undefined
    await news.all()
    await saving(() => run.finish(net, result, report.skippedImages))
    await board?.finished(result)
    report.finished(result, run, { seen, of: all.test.length })
  } catch (error) {
    // At once: others may wait for this rank in what is closed now.
    await group.fail(messageOf(error))
    // Where numbers are not finite, resuming would only repeat it.
    if (!signal.aborted && !stopped && !(error instanceof NonFiniteError)) report.broken(run)
    throw error
  } finally {
    if (signal.aborted || stopped) report.interrupted(run)
  }
}

/** Finds the rate by a range test, and keeps it with the run. */
async function findRate(
  net: Net,
  images: ImageSet,
  run: TrainingRun,
  { optimizer, courses, rates, input }: Plan,
  { report, signal }: { readonly report: TrainReport; readonly signal: AbortSignal }
): Promise<void> {
  const { seed, labelSmoothing, clipNorm, accumulate } = run.settings
  const found = await rangeTest(net, images, {
    ...{ optimizer, courses, rates, input, seed, labelSmoothing, clipNorm, accumulate, signal },
    onProgress: report.testingRates
  })
  if (found.lr !== undefined) await run.setRate(found.lr)
  report.rateFound(found, run.settings.lr)
}

/** What `train` takes besides images and validation. */
function trainOptions(
  { watch, checkpointEvery, trace, test }: TrainArguments,
  run: TrainingRun,
  { optimizer, schedule, courses, rates, input, sampling, data }: Plan,
  report: TrainReport,
  board: Board | undefined
): TrainOptions {
  const { lr, seed, epochs, labelSmoothing, clipNorm, ema, accumulate } = run.settings
  return {
    optimizer,
    schedule,
    courses,
    rates,
    input,
    sampling,
    lr,
    seed,
    ...(run.settings.steps === undefined && { epochs }),
    steps: stepsOf(run.settings, test ? data.test.length : 0),
    labelSmoothing,
    clipNorm,
    ema,
    accumulate,
    from: run.from,
    control: run.control,
    checkpoint: { every: checkpointEvery, save: run.save },
    ...(watch && { watch: onDiagnosis(run, report, board) }),
    ...(trace !== undefined && { onTimeline: onTimeline(trace, report) })
  }
}

/** The number of steps: as given, by epochs (undefined), or as many as fit the time. */
function stepsOf({ steps, epochs, batch, accumulate = 1 }: TrainSettings, test: number) {
  if (steps !== undefined || epochs) return steps
  return fitSteps({ seconds: SECONDS, batch: batch * accumulate, test })
}

function onValidation(run: TrainingRun, report: TrainReport, board: Board | undefined) {
  return {
    batch: TEST_BATCH,
    onProgress: report.validating,
    ...(board && { onBatch: board.worst.add }),
    async onResult(found: Validation) {
      await run.logValidation(found)
      await board?.validation(found)
      report.validated(found)
    }
  }
}

function onDiagnosis(run: TrainingRun, report: TrainReport, board: Board | undefined) {
  return {
    ...(board && { onMeasured: board.measured }),
    async onDiagnosis(found: Diagnosis) {
      await run.logDiagnosis(found)
      await board?.diagnosed(found)
      report.diagnosed(found)
    }
  }
}

function onTimeline(file: string, report: TrainReport): TrainOptions['onTimeline'] {
  return async (spans, step) => {
    await writeTrace(file, spans)
    report.traced(file, step)
  }
}
