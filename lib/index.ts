/** What the package gives: devices and ops below, nets and training above. */

import './disposal.ts' // before any class that has such a method

export { AddonError } from './addon/error.ts'
export { Buffer } from './buffer.ts'
export { type DeviceSettings, preferredDType, settleDevice } from './cli/device.ts'
export { type TrainArguments, trainArguments } from './cli/options.ts'
export { program, UsageError } from './cli/program.ts'
export { createReport, type ReportOptions } from './cli/report.ts'
export { chooseDevice, type DeviceChoice } from './cuda-probe.ts'
export {
  type ArrayImageSetOptions,
  arrayImageSet,
  DataError,
  type Dataset,
  type ImageSet,
  type ImageStats,
  imageStats
} from './data/dataset.ts'
export { DownloadError, type DownloadProgress, OfflineError } from './data/download.ts'
export { type FashionMnistOptions, fashionMnist } from './data/fashion-mnist.ts'
export { holdOut, subset } from './data/hold-out.ts'
export { type LoadIdxOptions, loadIdxFolder } from './data/idx-folder.ts'
export { type OpenDataOptions, openData } from './data/open.ts'
export { type ShapesOptions, shapes } from './data/shapes.ts'
export { defineNet, type InputShape, NetDefinition, type NetOptions } from './definition.ts'
export { type Device, type OpenOptions, open } from './device.ts'
export type { Draft } from './draft.ts'
export type { DType, FloatDType, TypedArray } from './dtype.ts'
export {
  type EvaluateOptions,
  type Evaluation,
  evaluate,
  type JudgedBatch
} from './evaluate.ts'
export { DamagedFileError, DiskError } from './files/errors.ts'
export type { Json, JsonObject } from './files/json.ts'
export { FolderInUseError } from './files/lock.ts'
export {
  type FileDtype,
  type Metadata,
  readSafetensors,
  type SafetensorsFile,
  type TensorData,
  type Tensors,
  writeSafetensors
} from './files/safetensors.ts'
export type { Init } from './init.ts'
export { type ColourNoise, checkInput, type InputRecipe } from './input/augment.ts'
export type { LayerNode, LayerOptions } from './layer.ts'
export { sigmoid, softmax, tanh } from './layers/activation.ts'
export { type BatchNormOptions, batchNorm } from './layers/batch-norm.ts'
export { type Conv2dOptions, conv2d } from './layers/conv2d.ts'
export { type DenseOptions, dense } from './layers/dense.ts'
export { type DropoutOptions, dropout } from './layers/dropout.ts'
export { flatten } from './layers/flatten.ts'
export {
  type AddOptions,
  add,
  type ConcatOptions,
  concat,
  type SliceOptions,
  slice
} from './layers/join.ts'
export { type LrnOptions, lrn, lrnWithin } from './layers/lrn.ts'
export { avgPool, maxPool, type PoolOptions } from './layers/pool.ts'
export { relu } from './layers/relu.ts'
export type { Padding, Pair } from './layers/window.ts'
export type { DevicePlan, MemoryPlan, MemoryPool, PlannedSlab } from './memory-plan.ts'
export type {
  CpuInfo,
  CudaDevice,
  CudaInfo,
  Fields,
  MemoryInfo,
  OpInfo,
  Shape,
  SlotInfo,
  Spec
} from './native.ts'
export { cpuInfo, opTable } from './native.ts'
export type { BuildOptions, Net } from './net.ts'
export { type AlexNetOptions, alexnet } from './nets/alexnet.ts'
export { type CaffeOptions, caffe } from './nets/caffe.ts'
export { type Chm145Options, chm145 } from './nets/chm-145.ts'
export { cifar } from './nets/cifar.ts'
export { type Convnet2Options, convnet2 } from './nets/convnet2.ts'
export { fashion } from './nets/fashion.ts'
export { netByName, netNames } from './nets/index.ts'
export type { NetVariant } from './nets/options.ts'
export { torchvision } from './nets/torchvision.ts'
export type { Op } from './op.ts'
export type { Parameters, PublicTensor } from './parameters.ts'
export { type DecodeOptions, decodePhoto, type Photo, PhotoError } from './photos/decode.ts'
export { type Prepared, type PrepareOptions, prepare } from './photos/prepare.ts'
export {
  type OpenPhotosOptions,
  openPhotos,
  type PhotoDataset,
  type PhotoSet
} from './photos/reader.ts'
export { type Devices, openDevices } from './placement/devices.ts'
export type { Parallel } from './placement/placement.ts'
export { type Program, record } from './program.ts'
export { permutation, Random, type RandomOptions } from './random.ts'
export { ablationNames } from './recipes/ablation.ts'
export { recipeByName, recipeNames, recipes } from './recipes/index.ts'
export { type SuitedInput, suitInput } from './recipes/input.ts'
export { netOf, type Plan, planOf } from './recipes/plan.ts'
export type { RateCourse, Recipe } from './recipes/recipe.ts'
export { rateAt } from './recipes/recipe.ts'
export { recipeCourses, recipeOptimizer } from './recipes/run.ts'
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
export { partData } from './run/part.ts'
export { optimizerOf, SettingsError, type TrainSettings } from './run/settings.ts'
export { toCheckpoint, toSnapshot } from './run/snapshot.ts'
export { type OpenTrainingOptions, openTraining, TrainingRun } from './run/training-run.ts'
export * as schedules from './schedule.ts'
export type { Event, Stream, StreamOptions } from './stream.ts'
export type { Pass } from './tape.ts'
export {
  denseLayout,
  elements,
  Tensor,
  type TensorOptions
} from './tensor.ts'
export {
  Benchmark,
  type BenchOptions,
  type BenchResult,
  type Burst,
  bench,
  type Profile
} from './timing/bench.ts'
export {
  type ChromeTrace,
  chromeTrace,
  type TraceEvent,
  writeTrace
} from './timing/chrome-trace.ts'
export type { CallTime, LayerTime } from './timing/per-layer.ts'
export type { Span } from './timing/timeline.ts'
export type { LayerSummary } from './trace.ts'
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
} from './train.ts'
export type { LossScaleOptions, LossScaleState, ScaledOutcome } from './training/loss-scale.ts'
export { type FitOptions, fitSteps } from './training/pace.ts'
export {
  type AdamOptions,
  adam,
  type Optimizer,
  type SgdOptions,
  type StepScalars,
  sgd
} from './update/optimizer.ts'
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
export { version } from './version.ts'
export { loadWeights, saveWeights } from './weights.ts'
