/** What the package gives: devices and ops below, nets and training above. */

import './util/disposal.ts' // before any class that has such a method

export { type ArrayImageSetOptions, arrayImageSet } from './data/array-image-set.ts'
export { type ImageStats, imageStats } from './data/byte-counts.ts'
export { DataError, type Dataset, type ImageSet } from './data/dataset.ts'
export { DownloadError, type DownloadProgress, OfflineError } from './data/download/download.ts'
export { type FashionMnistOptions, fashionMnist } from './data/fashion-mnist.ts'
export { holdOut, subset } from './data/hold-out.ts'
export { type LoadIdxOptions, loadIdxFolder } from './data/idx/folder.ts'
export { type OpenDataOptions, openData } from './data/open.ts'
export { type DecodeOptions, decodePhoto, type Photo, PhotoError } from './data/photos/decode.ts'
export {
  type OpenPhotosOptions,
  openPhotos,
  type PhotoDataset,
  type PhotoSet
} from './data/photos/open.ts'
export { type Prepared, type PrepareOptions, prepare } from './data/photos/prepare/prepare.ts'
export { type ShapesOptions, shapes } from './data/shapes/shapes.ts'
export { chooseDevice, type DeviceChoice } from './doctor/cuda-probe.ts'
export { type Device, type OpenOptions, open } from './engine/device.ts'
export type { Event } from './engine/event.ts'
export { Buffer, Tensor, type TensorOptions } from './engine/memory.ts'
export type { Op } from './engine/op.ts'
export { type Program, record } from './engine/program.ts'
export type { Stream, StreamOptions } from './engine/stream.ts'
export { AddonError } from './native/addon/error.ts'
export { cpuInfo, opTable } from './native/binding.ts'
export type { CpuInfo, CudaDevice, CudaInfo, MemoryInfo } from './native/device-info.ts'
export type { DType, FloatDType, TypedArray } from './native/dtype.ts'
export type { Shape } from './native/layout.ts'
export { denseLayout, elements } from './native/layout.ts'
export type { Fields, OpInfo, SlotInfo, Spec } from './native/op-info.ts'
export { version } from './native/version.ts'
export { defineNet, NetDefinition, type NetOptions } from './net/definition.ts'
export type { Draft } from './net/draft.ts'
export type { Init } from './net/graph/init.ts'
export type { Parameters, PublicTensor } from './net/graph/parameters.ts'
export type { Pass } from './net/graph/tape.ts'
export type { LayerNode, LayerOptions } from './net/layer.ts'
export { sigmoid, softmax, tanh } from './net/layers/activation.ts'
export { type BatchNormOptions, batchNorm } from './net/layers/batch-norm.ts'
export { type Conv2dOptions, conv2d } from './net/layers/conv2d.ts'
export { type DenseOptions, dense } from './net/layers/dense.ts'
export { type DropoutOptions, dropout } from './net/layers/dropout.ts'
export { flatten } from './net/layers/flatten.ts'
export {
  type AddOptions,
  add,
  type ConcatOptions,
  concat,
  type SliceOptions,
  slice
} from './net/layers/join.ts'
export { type LrnOptions, lrn, lrnWithin } from './net/layers/lrn.ts'
export { avgPool, maxPool, type PoolOptions } from './net/layers/pool.ts'
export { relu } from './net/layers/relu.ts'
export type { Padding, Pair } from './net/layers/window.ts'
export type { DevicePlan, MemoryPlan, MemoryPool, PlannedSlab } from './net/memory-plan.ts'
export { type AlexNetOptions, alexnet } from './net/models/alexnet.ts'
export { type CaffeOptions, caffe } from './net/models/caffe.ts'
export { type Chm145Options, chm145 } from './net/models/chm-145.ts'
export { cifar } from './net/models/cifar.ts'
export { type Convnet2Options, convnet2 } from './net/models/convnet2.ts'
export { fashion } from './net/models/fashion.ts'
export { netByName, netNames } from './net/models/index.ts'
export type { NetVariant } from './net/models/options.ts'
export { torchvision } from './net/models/torchvision.ts'
export type { Net } from './net/net.ts'
export type { BuildOptions } from './net/options.ts'
export { type Devices, openDevices } from './net/placement/devices.ts'
export type { Parallel } from './net/placement/placement.ts'
export type { InputShape } from './net/spec.ts'
export type { LayerSummary } from './net/trace.ts'
export {
  type AdamOptions,
  adam,
  type Optimizer,
  type SgdOptions,
  type StepScalars,
  sgd
} from './optim/optimizer.ts'
export * as schedules from './optim/schedule.ts'
export {
  type Checkpoint,
  type CheckpointData,
  type CheckpointFolder,
  keepCheckpoints,
  listCheckpoints,
  newestCheckpoint,
  readCheckpoint,
  type SkipOptions,
  writeCheckpoint
} from './run/checkpoint.ts'
export { openRun, type Run, type RunOptions } from './run/folder.ts'
export { ablationNames } from './run/recipes/ablation.ts'
export { recipeByName, recipeNames, recipes } from './run/recipes/index.ts'
export { type SuitedInput, suitInput } from './run/recipes/input.ts'
export { netOf, type Plan, planOf } from './run/recipes/plan.ts'
export type { RateCourse, Recipe } from './run/recipes/recipe.ts'
export { rateAt } from './run/recipes/recipe.ts'
export { recipeCourses, recipeOptimizer } from './run/recipes/run.ts'
export { optimizerOf, SettingsError, type TrainSettings } from './run/settings.ts'
export { toCheckpoint, toSnapshot } from './run/snapshot.ts'
export { splitData } from './run/split-data.ts'
export { type OpenTrainingOptions, openTraining, TrainingRun } from './run/training-run.ts'
export { loadWeights, saveWeights } from './run/weights.ts'
export {
  Benchmark,
  type BenchOptions,
  type BenchResult,
  type Burst,
  bench,
  type Profile
} from './training/bench/bench.ts'
export {
  type ChromeTrace,
  chromeTrace,
  type TraceEvent,
  writeTrace
} from './training/bench/chrome-trace.ts'
export type { CallTime, LayerTime } from './training/bench/per-layer.ts'
export type { Span } from './training/bench/timeline.ts'
export {
  type EvaluateOptions,
  type Evaluation,
  evaluate,
  type PredictedBatch
} from './training/evaluate/evaluate.ts'
export { type ColourNoise, checkInput, type InputRecipe } from './training/input/augment.ts'
export { type FitOptions, fitSteps } from './training/loop/fit-steps.ts'
export type { LossScaleOptions, LossScaleState, ScaledOutcome } from './training/loop/loss-scale.ts'
export {
  type Diagnosis,
  NonFiniteError,
  type RateChange,
  type RateControl,
  type Snapshot,
  type Step,
  type TrainOptions,
  type TrainState,
  train,
  type Validation,
  type ValidationOptions,
  type ValidationState,
  type WatchOptions
} from './training/train.ts'
export { type AssessOptions, assess } from './use/assess.ts'
export { LayerError, upTo } from './use/cut.ts'
export { type FeatureFacts, type FeatureIndex, openIndex, writeIndex } from './use/feature-index.ts'
export { type FilterOptions, filterSheet } from './use/filters.ts'
export { type Neighbour, nearest } from './use/nearest.ts'
export { type OutputBatch, type OutputOptions, outputs } from './use/outputs.ts'
export { type PhotoFiles, type PhotoFilesOptions, photoFiles } from './use/photo-files.ts'
export { Scores } from './use/scores.ts'
export {
  openTrained,
  RunError,
  readRun,
  type Trained,
  type TrainedOptions
} from './use/trained.ts'
export { DamagedFileError, DiskError } from './util/files/errors.ts'
export type { Json, JsonObject } from './util/files/json.ts'
export { FolderInUseError } from './util/files/lock.ts'
export {
  type FileDtype,
  type Metadata,
  readSafetensors,
  type SafetensorsFile,
  type TensorData,
  type Tensors,
  writeSafetensors
} from './util/files/safetensors.ts'
export { permutation, Random, type RandomOptions } from './util/random.ts'
