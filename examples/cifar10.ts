/**
 * Trains the net `cifar` on CIFAR-10 to three images of four in some minutes on two cores, and keeps it:
 *
 *     node --import tsx examples/cifar10.ts FOLDER [--epochs 10] [--threads 2] [--out runs/cifar10]
 *
 * FOLDER holds CIFAR-10 as binary batches, or as pictures: train/CLASS/…, test/CLASS/….
 */
import { parseArgs } from 'node:util'
import {
  createReport,
  evaluate,
  netByName,
  open,
  openData,
  openTraining,
  optimizerOf,
  program,
  schedules,
  settleDevice,
  type TrainSettings,
  train,
  UsageError
} from 'alexnode'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    epochs: { type: 'string', default: '10' },
    threads: { type: 'string' },
    out: { type: 'string', default: 'runs/cifar10' }
  }
})

await program(async (signal) => {
  const [folder] = positionals
  if (folder === undefined) throw new UsageError('Name a folder that holds CIFAR-10.')
  const report = createReport()
  const threads = values.threads === undefined ? {} : { threads: Number(values.threads) }
  const where = await settleDevice(threads)
  await using device = await open(where.name, where.options)

  const defaults: TrainSettings = {
    ...{ net: 'cifar', data: folder, dtype: 'f32', batch: 64, epochs: Number(values.epochs) },
    ...{ optimizer: 'adam', lr: 0.002, momentum: 0.9, beta2: 0.99, weightDecay: 0 },
    ...{ schedule: 'warmCosine', seed: 1 },
    // 28×28 of 32×32, somewhere in training and the centre in the test, and every other one mirrored.
    input: { fit: 'crop', flip: true }
  }
  await using run = await openTraining({ out: values.out, settings: {}, defaults })
  const { settings } = run
  const { input, batch, seed, lr, epochs } = settings

  const data = run.sameData(await openData(folder, { signal, onPrepare: report.preparing }))
  report.data(data)
  const optimizer = optimizerOf(settings)
  const definition = netByName('cifar', { channels: 3, classes: data.classes.length })
  await using net = await definition.build(device, { batch, seed, optimizer })
  await report.net(net)
  report.run(run)

  const schedule = schedules.warmCosine()
  const checkpoint = { save: run.save }
  const steps = train(net, data.train, {
    ...{ optimizer, lr, schedule, epochs, input, seed, signal, checkpoint }
  })
  for await (const step of steps) {
    await run.log(step)
    await report.step(step)
  }
  const result = await evaluate(net, data.test, { input, signal, onProgress: report.testing })
  await run.finish(net, result)
  report.finished(result, run)
})
