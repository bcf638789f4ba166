/**
 * Trains and evaluates AlexNet, and nets like it, on CPUs and GPUs.
 *
 * @module alexnode
 */

import './util/disposal.ts' // before any class that has such a method

export { arrayImageSet } from './data/array-image-set.ts'
export { DataError, type Dataset, type ImageSet } from './data/dataset.ts'
export { fashionMnist } from './data/fashion-mnist.ts'
export { holdOut } from './data/hold-out.ts'
export { openData } from './data/open.ts'
export { shapes } from './data/shapes/shapes.ts'
export { chooseDevice } from './doctor/cuda-probe.ts'
export { type Device, open } from './engine/device.ts'
// Type only: it is thrown while this module loads, so nobody could import the class from here.
export type { AddonError } from './native/addon/error.ts'
export { OutOfMemoryError } from './native/errors.ts'
export { defineNet, type NetDefinition } from './net/definition.ts'
export type { LayerNode } from './net/layer.ts'
export { sigmoid, softmax, tanh } from './net/layers/activation.ts'
export { batchNorm } from './net/layers/batch-norm.ts'
export { conv2d } from './net/layers/conv2d.ts'
export { dense } from './net/layers/dense.ts'
export { dropout } from './net/layers/dropout.ts'
export { flatten } from './net/layers/flatten.ts'
export { add, concat, slice } from './net/layers/join.ts'
export { leakyRelu } from './net/layers/leaky-relu.ts'
export { lrn, lrnWithin } from './net/layers/lrn.ts'
export { avgPool, maxPool } from './net/layers/pool.ts'
export { relu } from './net/layers/relu.ts'
export { alexnet } from './net/models/alexnet.ts'
export { caffe } from './net/models/caffe.ts'
export { chm145 } from './net/models/chm-145.ts'
export { cifar } from './net/models/cifar.ts'
export { convnet2 } from './net/models/convnet2.ts'
export { fashion } from './net/models/fashion.ts'
export { netByName } from './net/models/index.ts'
export { torchvision } from './net/models/torchvision.ts'
export type { Net } from './net/net.ts'
export type { BuildOptions } from './net/options.ts'
export { openDevices } from './net/placement/devices.ts'
export { adam, type Optimizer, sgd } from './optim/optimizer.ts'
/** Schedules of the learning rate, for `train`'s option `schedule`. */
export * as schedules from './optim/schedule.ts'
export { loadWeights, saveWeights } from './run/weights.ts'
export { type EvaluateOptions, type Evaluation, evaluate } from './training/evaluate/evaluate.ts'
export type { Step, TrainOptions } from './training/options.ts'
export { NonFiniteError, train } from './training/train.ts'
export { openTrained } from './use/trained.ts'
export { DamagedFileError, DiskError } from './util/files/errors.ts'
