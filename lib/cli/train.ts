/** `alexnode train`, and `npm start`: trains a net, tests it, and keeps it. */
import { openData } from '../data/open.ts'
import { openDevices } from '../net/placement/devices.ts'
import { planOf } from '../run/recipes/plan.ts'
import { splitData } from '../run/split-data.ts'
import { openTraining } from '../run/training-run.ts'
import { writeTrace } from '../training/bench/chrome-trace.ts'
import { evaluate } from '../training/evaluate/evaluate.ts'
import { fitSteps } from '../training/loop/fit-steps.ts'
import { train } from '../training/train.ts'
import { preferredDType, settleDevice } from './device.ts'
import { trainArguments } from './options.ts'
import { program } from './program.ts'
import { createReport } from './report.ts'

await program(async (signal) => {
  const options = await trainArguments(process.argv.slice(2))
  const report = createReport({ json: options.json })

  // The device or devices, and the run's folder: settings are those given, else those saved, else defaults.
  const { out, resume, settings: given, trace } = options
  const where = await settleDevice({ ...given, ...options.where, ...(resume && { resume: out }) })
  await using devices = await openDevices(where.names, where.options)
  const { dtype, reason } = preferredDType(devices.first, where)
  const defaults = { ...options.defaults, dtype }
  const kept = { out, resume, settings: given, defaults, keep: options.keep, onNote: report.note }
  await using run = await openTraining(kept)
  const { settings } = run

  // The images say how many channels and classes the net has.
  const told = { onNotice: report.note, onPrepare: report.preparing }
  const opened = await openData(settings.data, { signal, workers: options.workers, ...told })
  const data = run.sameData(opened)
  report.data(data)
  const why = settings.dtype === dtype ? reason : 'as asked for'
  report.device(devices.all, where, settings.dtype, why)

  // The net: a definition, then a build on the devices that takes their memory.
  const { batch, seed, accumulate = 1 } = settings
  const plan = planOf(settings, data)
  const { definition, optimizer, schedule, courses, input, views } = plan
  const updates = { optimizer, accumulate, ema: settings.ema }
  const build = { batch, seed, ...updates, dtype: settings.dtype, parallel: where.parallel }
  await using net = await definition.build(devices.all, build)
  await report.net(net)
  report.run(run, plan.notes)

  // Training: an async iterator of steps.
  const fit = fitSteps({ seconds: 160, batch: batch * accumulate, test: data.test.length })
  const { images, validation } = splitData(settings, plan.data)
  const steps = train(net, images, {
    ...{ optimizer, schedule, courses, input, lr: settings.lr, seed },
    ...{ epochs: settings.epochs, steps: settings.steps ?? (settings.epochs ? undefined : fit) },
    ...{ signal, from: run.from, control: run.control },
    ...{ labelSmoothing: settings.labelSmoothing, clipNorm: settings.clipNorm },
    ...{ ema: settings.ema, accumulate },
    validation: validation && {
      ...{ ...validation, batch: 64, onProgress: report.validating },
      async onResult(found) {
        await run.logValidation(found)
        report.validated(found)
      }
    },
    watch: options.watch
      ? {
          async onDiagnosis(found) {
            await run.logDiagnosis(found)
            report.diagnosed(found)
          }
        }
      : undefined,
    checkpoint: { every: options.checkpointEvery, save: run.save },
    onTimeline:
      trace === undefined
        ? undefined
        : async (spans, step) => {
            await writeTrace(trace, spans)
            report.traced(trace, step)
          }
  })
  try {
    for await (const step of steps) {
      await run.log(step)
      await report.step(step)
    }
    signal.throwIfAborted()

    // The test, and what is kept.
    const test = { batch: 64, input, views, signal, onProgress: report.testing }
    const result = await evaluate(net, plan.data.test, test)
    await run.finish(net, result)
    report.finished(result, run)
  } finally {
    if (signal.aborted) report.interrupted(run)
  }
})
