/** A valid call of each public function, for tests that spoil one value of it. None is made as it stands. */
import * as data from '../lib/data/index.ts'
import type { Device } from '../lib/engine/device.ts'
import * as engine from '../lib/engine/index.ts'
import { Op } from '../lib/engine/op.ts'
import * as groups from '../lib/group/index.ts'
import * as root from '../lib/index.ts'
import type { Net } from '../lib/net/net.ts'
import * as runs from '../lib/run/index.ts'
import * as bench from '../lib/training/bench/index.ts'
import * as uses from '../lib/use/index.ts'
import { Trained } from '../lib/use/trained.ts'
import * as weights from '../lib/weights/index.ts'
import { define, noise } from './noise.ts'

/** A function, and valid arguments. */
export interface PublicCall {
  call(...args: readonly unknown[]): unknown
  readonly args: readonly unknown[]
}

const nothing = () => {}
async function* noRows(): AsyncGenerator<never> {}
const tensor = { dtype: 'f32', shape: [2], data: new Uint8Array(8) }
const settings = {
  net: 'fashion',
  dtype: 'f32',
  batch: 4,
  optimizer: 'sgd',
  lr: 0.1,
  momentum: 0,
  beta2: 0.9,
  weightDecay: 0,
  schedule: 'constant',
  seed: 1
}
const colour = { form: 'deviation', sigma: 0.1 }
const picture = { height: 8, width: 8 }

function method(
  of: object,
  call: (...args: never) => unknown,
  args: readonly unknown[]
): PublicCall {
  return { call: (...given) => Reflect.apply(call, of, given), args }
}

/** By name. A method is named with its class. */
export function publicCalls(device: Device, net: Net): Readonly<Record<string, PublicCall>> {
  const set = { ...noise(12), colours: { eigenvalues: [1], eigenvectors: [[1]] } }
  const definition = define([root.flatten(), root.dense({ units: 3 })])
  const dataset = { ...data.subset(set, Uint32Array.of(0)), name: 'noise', train: set, test: set }
  const input = { channels: 1, height: 227, width: 227 }
  const file = 'none/file'
  const noSource = { cache: 'none', mirrors: ['http://127.0.0.1:9/'] }
  const sized = { ...settings, input: { colour } }
  const [recipe] = runs.recipes
  const model = { classes: 10, input }
  const buffer = device.allocate(64)
  const image = { height: 8, width: 8, channels: 1, fit: 'crop', filter: 'bilinear' }
  const preprocessing = { image, crop: { top: 0, left: 0 }, mean: [0], divisor: [1] }
  const weightsFile = { path: file, format: 'onnx', tensors: new Map() }
  const stream = device.stream()
  const identity = {
    ...{ rank: 0, size: 1, localRank: 0, localSize: 1, host: '127.0.0.1', port: 1, agent: false },
    ...{ launcher: 'environment', runId: 'a', restarts: 0 }
  }
  const { parameters } = net
  const view = buffer.tensor({ shape: [4], dtype: 'f32' })
  const scores = new uses.Scores(['a', 'b'])
  return {
    adam: { call: root.adam, args: [{}] },
    add: { call: root.add, args: [{ inputs: ['a', 'b'] }] },
    alexnet: { call: root.alexnet, args: [model] },
    arrayImageSet: {
      call: root.arrayImageSet,
      args: [
        {
          images: new Uint8Array(4),
          labels: Uint8Array.of(0),
          height: 2,
          width: 2,
          classes: ['a']
        }
      ]
    },
    avgPool: { call: root.avgPool, args: [{ size: 2 }] },
    batchNorm: { call: root.batchNorm, args: [{}] },
    caffe: { call: root.caffe, args: [model] },
    chm145: { call: root.chm145, args: [model] },
    cifar: { call: root.cifar, args: [model] },
    concat: { call: root.concat, args: [{ inputs: ['a'] }] },
    conv2d: { call: root.conv2d, args: [{ filters: 4, size: 3, rate: {}, decay: {} }] },
    convnet2: { call: root.convnet2, args: [model] },
    defineNet: {
      call: root.defineNet,
      args: [
        { name: 'a', input, head: { loss: 'softmax', output: 'softmax' }, layers: [root.relu()] }
      ]
    },
    describeIdentity: { call: groups.describeIdentity, args: [identity] },
    identityOf: { call: groups.identityOf, args: [{}] },
    joinGroup: { call: groups.joinGroup, args: [{ identity }] },
    joinStore: { call: groups.joinStore, args: [{ identity, hello: {} }] },
    dense: { call: root.dense, args: [{ units: 3, rate: {}, decay: {} }] },
    dropout: { call: root.dropout, args: [{}] },
    evaluate: { call: root.evaluate, args: [net, set, { input: { colour } }] },
    fashion: { call: root.fashion, args: [model] },
    fashionMnist: { call: root.fashionMnist, args: [noSource] },
    flatten: { call: root.flatten, args: [{}] },
    holdOut: { call: root.holdOut, args: [set, 2, 1] },
    leakyRelu: { call: root.leakyRelu, args: [{}] },
    loadWeights: { call: root.loadWeights, args: [net, file, { head: 'new' }] },
    lrn: { call: root.lrn, args: [{}] },
    lrnWithin: { call: root.lrnWithin, args: [{}] },
    maxPool: { call: root.maxPool, args: [{ size: 2 }] },
    netByName: { call: root.netByName, args: ['cifar', {}] },
    open: { call: root.open, args: ['cpu', {}] },
    openData: { call: root.openData, args: ['none', { ...noSource, shapes: {}, photos: {} }] },
    openDevices: { call: root.openDevices, args: [['cpu'], {}] },
    openTrained: { call: root.openTrained, args: [file, device, { parallel: { replicas: 1 } }] },
    relu: { call: root.relu, args: [{}] },
    saveWeights: { call: root.saveWeights, args: [net, file] },
    sgd: { call: root.sgd, args: [{}] },
    shapes: { call: root.shapes, args: [{}] },
    sigmoid: { call: root.sigmoid, args: [{}] },
    slice: { call: root.slice, args: [{ from: 0, count: 1 }] },
    softmax: { call: root.softmax, args: [{}] },
    tanh: { call: root.tanh, args: [{}] },
    torchvision: { call: root.torchvision, args: [model] },
    train: {
      call: root.train,
      args: [
        net,
        set,
        {
          lr: 0.1,
          control: { wanted: nothing },
          input: { colour },
          lossScale: {},
          validation: { set, input: { colour } },
          watch: { onDiagnosis: nothing },
          checkpoint: { save: nothing }
        }
      ]
    },
    'schedules.cosine': { call: root.schedules.cosine, args: [{}] },
    'schedules.exponential': { call: root.schedules.exponential, args: [{ factor: 0.9 }] },
    'schedules.plateau': { call: root.schedules.plateau, args: [{}] },
    'schedules.step': { call: root.schedules.step, args: [{ every: 1 }] },
    'schedules.warmCosine': { call: root.schedules.warmCosine, args: [{}] },
    'schedules.warmUp': { call: root.schedules.warmUp, args: [{ steps: 2 }] },

    decodePhoto: { call: data.decodePhoto, args: [file, { size: picture }] },
    imageStats: { call: data.imageStats, args: [new Uint8Array(4), 1] },
    loadIdxFolder: { call: data.loadIdxFolder, args: [file, {}] },
    openPhotos: { call: data.openPhotos, args: [file, {}] },
    prepare: { call: data.prepare, args: [file, 'none/out', {}] },
    sample: { call: data.sample, args: [set, 1, 1] },
    subset: { call: data.subset, args: [set, Uint32Array.of(0)] },

    record: { call: engine.record, args: [[device.stream()], nothing] },
    'Device.allocate': {
      call: (...args) => Reflect.apply(device.allocate, device, args),
      args: [4]
    },
    'Device.staging': { call: (...args) => Reflect.apply(device.staging, device, args), args: [4] },
    'Device.stream': { call: (...args) => Reflect.apply(device.stream, device, args), args: [{}] },
    'Buffer.tensor': {
      call: (...args) => Reflect.apply(buffer.tensor, buffer, args),
      args: [{ shape: [2], dtype: 'f32' }]
    },

    'Buffer.set': method(buffer, buffer.set, [new Uint8Array(4), 0]),
    'Stream.prepare': method(stream, stream.prepare, ['none', {}, {}]),
    'Stream.run': method(stream, stream.run, [Object.create(Op.prototype), {}, view]),
    'Stream.copy': method(stream, stream.copy, [view, view]),
    'Stream.write': method(stream, stream.write, [view, new Float32Array(4)]),
    'Stream.read': method(stream, stream.read, [view]),
    'Stream.record': method(stream, stream.record, [device.event()]),
    'Stream.wait': method(stream, stream.wait, [device.event()]),
    'Parameters.initialise': method(parameters, parameters.initialise, [net.stream, 1]),
    'Parameters.export': method(parameters, parameters.export, [net.stream]),
    'Parameters.import': method(parameters, parameters.import, [net.stream, new Map()]),
    'Scores.add': method(scores, scores.add, [new Float32Array(2), new Int32Array(1)]),
    'Scores.confusions': method(scores, scores.confusions, [1]),

    'NetDefinition.build': {
      call: (...args) => Reflect.apply(definition.build, definition, args),
      args: [device, { batch: 2, parallel: { replicas: 1 } }]
    },
    'NetDefinition.draft': {
      call: (...args) => Reflect.apply(definition.draft, definition, args),
      args: [device, { batch: 2, parallel: { replicas: 1 } }]
    },
    'Net.at': { call: (...args) => Reflect.apply(net.at, net, args), args: [{}] },

    defaultTraining: { call: runs.defaultTraining, args: [{ net: 'fashion', batch: 2 }] },
    fitSteps: { call: runs.fitSteps, args: [{ seconds: 1, batch: 2 }] },
    keepCheckpoints: { call: runs.keepCheckpoints, args: [file, 1, {}] },
    listCheckpoints: { call: runs.listCheckpoints, args: [file] },
    loadKerasWeights: { call: runs.loadKerasWeights, args: [net, file] },
    netOf: { call: runs.netOf, args: [settings, { channels: 1, classes: 10 }] },
    newestCheckpoint: { call: runs.newestCheckpoint, args: [file, {}] },
    openRun: { call: runs.openRun, args: [file, { resume: false, options: {} }] },
    openTraining: {
      call: runs.openTraining,
      args: [{ out: file, settings: { input: { colour } }, defaults: sized }]
    },
    optimizerOf: { call: runs.optimizerOf, args: [sized] },
    planOf: { call: runs.planOf, args: [sized, dataset] },
    rangeTest: { call: runs.rangeTest, args: [net, set, { input: { colour } }] },
    rateAt: { call: runs.rateAt, args: [{ rate: 0.1 }, 1] },
    readCheckpoint: { call: runs.readCheckpoint, args: [file] },
    readSafetensors: { call: runs.readSafetensors, args: [file] },
    recipeByName: { call: runs.recipeByName, args: ['paper', []] },
    recipeData: { call: runs.recipeData, args: [recipe, dataset] },
    recipeCourses: { call: runs.recipeCourses, args: [recipe, true] },
    recipeOptimizer: { call: runs.recipeOptimizer, args: [recipe, {}] },
    saveKerasWeights: { call: runs.saveKerasWeights, args: [net, file] },
    splitData: { call: runs.splitData, args: [sized, dataset] },
    withFewerTests: { call: runs.withFewerTests, args: [{ seed: 1 }, dataset] },
    toCheckpoint: {
      call: runs.toCheckpoint,
      args: [{ state: {}, weights: new Map(), optimizer: new Map() }, {}]
    },
    toSnapshot: {
      call: runs.toSnapshot,
      args: [{ folder: file, weights: {}, optimizer: {}, state: {} }]
    },
    writeCheckpoint: {
      call: runs.writeCheckpoint,
      args: [file, { step: 1, weights: {}, optimizer: {}, state: {} }]
    },
    writeSafetensors: { call: runs.writeSafetensors, args: [file, { a: tensor }, {}] },

    assess: { call: uses.assess, args: [[Object.create(Trained.prototype)], set, {}] },
    filterSheet: {
      call: uses.filterSheet,
      args: [{ shape: [1, 1, 1, 1], data: new Float32Array(1) }, {}]
    },
    nearest: { call: uses.nearest, args: [new Float32Array(2), 2, noRows(), 1] },
    openIndex: { call: uses.openIndex, args: [file] },
    outputs: { call: uses.outputs, args: [net, set, { input: { colour } }] },
    photoFiles: { call: uses.photoFiles, args: [[], { ...picture, channels: 3 }] },
    readRun: { call: uses.readRun, args: [file, {}] },
    upTo: { call: uses.upTo, args: [definition, 'flatten1'] },
    writeIndex: { call: uses.writeIndex, args: [file, 2, noRows(), nothing] },

    exportOnnx: { call: weights.exportOnnx, args: [net, file, { preprocessing }] },
    fitWeights: { call: weights.fitWeights, args: [definition, weightsFile, { names: {} }] },
    importOnnx: { call: weights.importOnnx, args: [file] },
    readMeanFile: { call: weights.readMeanFile, args: [file] },
    readWeights: { call: weights.readWeights, args: [file] },
    suitingNets: { call: weights.suitingNets, args: [weightsFile] },

    bench: {
      call: bench.bench,
      args: [definition, device, { batch: 2, parallel: { replicas: 1 } }]
    },
    'Benchmark.create': {
      call: bench.Benchmark.create,
      args: [definition, device, { batch: 2, parallel: { replicas: 1 } }]
    },
    chromeTrace: { call: bench.chromeTrace, args: [[]] },
    writeTrace: { call: bench.writeTrace, args: [file, []] }
  }
}
