/** Readers of a run's folder: checkpoints, control, rates, options, data, the log; and weights of Keras. */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { shapes } from '../../../lib/data/shapes/shapes.ts'
import { defineNet } from '../../../lib/net/definition.ts'
import { batchNorm } from '../../../lib/net/layers/batch-norm.ts'
import { conv2d } from '../../../lib/net/layers/conv2d.ts'
import { dense } from '../../../lib/net/layers/dense.ts'
import { flatten } from '../../../lib/net/layers/flatten.ts'
import type { Net } from '../../../lib/net/net.ts'
import { newestCheckpoint, readCheckpoint, writeCheckpoint } from '../../../lib/run/checkpoint.ts'
import { RunControl } from '../../../lib/run/control.ts'
import { keepRunData, readRunData } from '../../../lib/run/data.ts'
import { bestStep } from '../../../lib/run/folder.ts'
import { toSnapshot } from '../../../lib/run/snapshot.ts'
import { readRun } from '../../../lib/use/run-facts.ts'
import { trimLog } from '../../../lib/util/files/json-log.ts'
import { loadKerasWeights, saveKerasWeights } from '../../../lib/weights/keras/files.ts'
import { made, tensors } from './arrays.ts'
import { deviceOf } from './device.ts'
import { bytesOf, isRecord, jsonOf, safetensorsHeader, sha256, textOf, withJson } from './parts.ts'
import { must, type Reader } from './reader.ts'

const folderOf = 'checkpoint-00000003'
const checkpointFiles = ['weights.safetensors', 'optimizer.safetensors', 'state.json']

const state = {
  net: 'small',
  train: {
    step: 3,
    epoch: 0,
    position: 48,
    seed: 7,
    steps: 10,
    lossScale: { scale: 1024, good: 2, skipped: 1, unheeded: ['good', 'overflow'] },
    rates: [{ step: 2, old: 0.1, lr: 0.01 }],
    validation: {
      step: 2,
      waited: 1,
      best: { step: 1, error: 0.5, loss: 1.5 },
      plateau: { factor: 0.1, best: 0.5, waited: 1 }
    }
  }
}

const { 'conv1.weight': weight } = tensors

const checkpoint: Reader = {
  name: 'checkpoint',
  seed: () =>
    made(
      [...checkpointFiles, 'manifest.json'].map((name) => `${folderOf}/${name}`),
      (folder) =>
        writeCheckpoint(folder, {
          step: 3,
          weights: { 'conv1.weight': weight },
          optimizer: { 'v/conv1.weight': weight },
          state
        })
    ),
  parts: [
    jsonOf(`${folderOf}/state.json`),
    jsonOf(`${folderOf}/state.json`),
    jsonOf(`${folderOf}/manifest.json`),
    safetensorsHeader(`${folderOf}/optimizer.safetensors`),
    safetensorsHeader(`${folderOf}/weights.safetensors`),
    bytesOf(`${folderOf}/weights.safetensors`)
  ],
  repair(files) {
    withJson(files, `${folderOf}/manifest.json`, (manifest) => {
      for (const name of checkpointFiles) {
        const bytes = files.get(`${folderOf}/${name}`)
        const entry = isRecord(manifest.files) ? manifest.files[name] : undefined
        if (bytes && isRecord(entry))
          Object.assign(entry, { bytes: bytes.length, sha256: sha256(bytes) })
      }
    })
  },
  async read(folder) {
    const skipped: string[] = []
    const newest = await newestCheckpoint(folder, { onSkip: (reason) => skipped.push(reason) })
    // What is skipped has an error, which is to be clear, too.
    const found = newest ?? (await readCheckpoint(join(folder, folderOf)))
    const { state } = toSnapshot(found)
    for (const name of ['step', 'epoch', 'position'] as const) {
      must(Number.isSafeInteger(state[name]) && state[name] >= 0, `${name} ${state[name]}`)
    }
    const { steps } = state
    must(steps === undefined || (Number.isSafeInteger(steps) && steps > 0), `steps ${steps}`)
  }
}

/** Opens a run's control as a run does, and lets it poll. */
async function control(folder: string): Promise<void> {
  const notes: string[] = []
  const opened = await RunControl.open(folder, {
    every: 1,
    onNote: (note) => notes.push(note)
  })
  await sleep(6)
  const wanted = opened.wanted(5)
  await opened.close()
  must(wanted === undefined || (Number.isFinite(wanted) && wanted >= 0), `the rate ${wanted}`)
  const unclear = notes.find((note) => !note.includes(folder) || note.length > 2000)
  must(unclear === undefined, `the note ${unclear?.slice(0, 300)}`)
}

const controls: Reader = {
  name: 'control',
  seed: () => new Map([['control.json', Buffer.from('{"lr": 0.001}\n')]]),
  parts: [jsonOf('control.json'), textOf('control.json')],
  read: control
}

const rates: Reader = {
  name: 'rates',
  seed: () => {
    const changes = [
      { step: 2, old: 0.1, lr: 0.01 },
      { step: 5, old: 0.01, lr: 0.1 }
    ]
    return new Map([['rates.json', Buffer.from(JSON.stringify(changes))]])
  },
  parts: [jsonOf('rates.json'), textOf('rates.json')],
  read: control
}

const settings = {
  net: 'cifar',
  dtype: 'f32',
  batch: 16,
  epochs: 2,
  seed: 7,
  optimizer: 'sgd',
  lr: 0.01,
  momentum: 0.9,
  beta2: 0.999,
  weightDecay: 0,
  schedule: 'constant',
  input: { fit: 'crop', flip: true, mean: 'channel', divide: 'std' }
}

const run: Reader = {
  name: 'run',
  async seed() {
    const set = shapes({ channels: 3, size: 28, train: 20, test: 10 })
    const mean = { ...set, train: { ...set.train, meanImage: new Float32Array(28 * 28 * 3) } }
    const kept = await made(['data.json', 'mean.safetensors'], (folder) =>
      keepRunData(folder, mean)
    )
    const text = (value: unknown) => Buffer.from(JSON.stringify(value))
    return new Map([
      ...kept,
      ['options.json', text(settings)],
      ['best.json', text({ step: 3, error: 0.5, loss: 1 })],
      [`${folderOf}/weights.safetensors`, Buffer.from('none')]
    ])
  },
  parts: [
    jsonOf('options.json'),
    jsonOf('options.json'),
    jsonOf('data.json'),
    jsonOf('data.json'),
    jsonOf('best.json'),
    safetensorsHeader('mean.safetensors')
  ],
  async read(folder) {
    const step = await bestStep(folder)
    must(step === undefined || Number.isSafeInteger(step), `the best step ${step}`)
    const { data, input, definition } = await readRun(folder)
    must(input === undefined || isRecord(input), 'an input that is no recipe')
    must(definition.layers.length > 0, 'no layers')
    const again = await readRunData(folder)
    must(again.height === data.height && data.std.every((std) => std > 0), `std ${data.std}`)
  }
}

const log: Reader = {
  name: 'log',
  seed: () =>
    new Map([
      ['log.jsonl', Buffer.from([1, 2, 3, 4].map((step) => `{"step":${step},"loss":2}\n`).join(''))]
    ]),
  parts: [textOf('log.jsonl'), bytesOf('log.jsonl')],
  async read(folder) {
    const { cut } = await trimLog(join(folder, 'log.jsonl'), 2)
    must(Number.isSafeInteger(cut) && cut >= 0, `${cut} bytes were cut`)
    const again = await trimLog(join(folder, 'log.jsonl'), 2)
    must(again.cut === 0, 'a second cut found more')
  }
}

let small: Promise<Net> | undefined

/** A net of each kind of layer that Keras's files hold. Made once. */
function smallNet(): Promise<Net> {
  small ??= deviceOf().then((device) =>
    defineNet({
      name: 'small',
      input: { channels: 1, height: 4, width: 4 },
      layers: [conv2d({ filters: 2, size: 2 }), batchNorm(), flatten(), dense({ units: 2 })]
    }).build(device, { batch: 1, training: false })
  )
  return small
}

const keras = (file: string): Reader => ({
  name: file.includes('weights') ? 'keras-3' : 'keras-2',
  seed: () =>
    made([file], async (folder) => saveKerasWeights(await smallNet(), join(folder, file))),
  parts: [bytesOf(file)],
  read: async (folder) => loadKerasWeights(await smallNet(), join(folder, file))
})

export const runReaders: readonly Reader[] = [
  checkpoint,
  controls,
  rates,
  run,
  log,
  keras('a.h5'),
  keras('a.weights.h5')
]
