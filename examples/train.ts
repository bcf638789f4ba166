/** Trains a net and keeps it. `npm start` and `npx alexnode train` run this; so does `-- --help`. */
import {
  createReport,
  evaluate,
  fitSteps,
  open,
  openData,
  openTraining,
  partData,
  planOf,
  preferredDType,
  program,
  settleDevice,
  train,
  trainArguments
} from 'alexnode'

await program(async (signal) => {
  const options = await trainArguments(process.argv.slice(2))
  const report = createReport({ json: options.json })

  // The device, and the run's folder: settings are those given, else those saved, else defaults.
  const { out, resume, settings: given } = options
  const { device: wanted, threads } = options
  const where = await settleDevice({
    ...given,
    ...(resume && { resume: out }),
    device: wanted,
    threads
  })
  await using device = await open(where.name, where.options)
  const { dtype, reason } = preferredDType(device, where)
  const defaults = { ...options.defaults, dtype }
  const kept = { out, resume, settings: given, defaults, keep: options.keep, onNote: report.note }
  await using run = await openTraining(kept)
  const { settings } = run

  // The images say how many channels and classes the net has.
  const told = { onNotice: report.note, onPrepare: report.preparing }
  const opened = await openData(settings.data, { signal, workers: options.workers, ...told })
  const data = run.sameData(opened)
  report.data(data)
  report.device(device, where, settings.dtype, settings.dtype === dtype ? reason : 'as asked for')

  // The net: a definition, then a build on the device that takes its memory.
  const { batch, seed, accumulate = 1 } = settings
  const plan = planOf(settings, data)
  const { definition, optimizer, schedule, courses, input, views } = plan
  const build = { batch, seed, optimizer, accumulate, ema: settings.ema, dtype: settings.dtype }
  await using net = await definition.build(device, build)
  await report.net(net)
  report.run(run, plan.notes)

  // Training: an async iterator of steps.
  const fit = fitSteps({ seconds: 160, batch: batch * accumulate, test: data.test.length })
  const { images, validation } = partData(settings, plan.data)
  const steps = train(net, images, {
    ...{ optimizer, schedule, courses, input, lr: settings.lr, seed },
    ...{ epochs: settings.epochs, steps: settings.steps ?? (settings.epochs ? undefined : fit) },
    ...{ signal, from: run.from, labelSmoothing: settings.labelSmoothing },
    ...{ clipNorm: settings.clipNorm, ema: settings.ema, accumulate },
    validation: validation && {
      ...{ ...validation, batch: 64, onProgress: report.validating },
      async onResult(found) {
        await run.logValidation(found)
        report.validated(found)
      }
    },
    checkpoint: { every: options.checkpointEvery, save: run.save }
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
