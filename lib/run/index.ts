/**
 * Training runs kept in a folder: settings, log, checkpoints, recipes; and the parts of `train`'s options.
 *
 * @module alexnode/run
 */

import '../util/disposal.ts' // before any class that has such a method

export type { AdamOptions, SgdOptions, StepScalars } from '../optim/optimizer.ts'
export type { ColourNoise, InputRecipe } from '../training/input/augment.ts'
export { type FitOptions, fitSteps } from '../training/loop/fit-steps.ts'
export type { RateChange, RateControl } from '../training/loop/learning-rate.ts'
export type {
  LossScaleOptions,
  LossScaleState,
  ScaledOutcome
} from '../training/loop/loss-scale.ts'
export type { Sampling } from '../training/loop/sampling.ts'
export type { Snapshot, TrainState } from '../training/loop/train-state.ts'
export type {
  Best,
  Validation,
  ValidationOptions,
  ValidationState
} from '../training/loop/validation.ts'
export type { CheckpointOptions } from '../training/options.ts'
export {
  type RangePoint,
  type RangeTest,
  type RangeTestOptions,
  rangeTest
} from '../training/range-test.ts'
export type { Diagnosis } from '../training/watch/diagnosis.ts'
export type { Measurement, WatchOptions } from '../training/watch/options.ts'
export type { ReluStats } from '../training/watch/relu-stats.ts'
export type { UpdateRatio } from '../training/watch/update-ratios.ts'
export type { FileDigest } from '../util/files/bytes.ts'
export type { Json, JsonObject } from '../util/files/json.ts'
export { FolderInUseError } from '../util/files/lock.ts'
export {
  readSafetensors,
  type SafetensorsFile,
  writeSafetensors
} from '../util/files/safetensors.ts'
export type { FileDtype, Metadata, TensorData, Tensors } from '../util/files/safetensors-header.ts'
export { loadKerasWeights, saveKerasWeights } from '../weights/keras/files.ts'
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
} from './checkpoint.ts'
export type { RunControl } from './control.ts'
export type { RunData } from './data.ts'
export { type DefaultsFor, defaultTraining, type TrainingDefaults } from './defaults.ts'
export { openRun, type Run, type RunBefore, type RunOptions } from './folder.ts'
export { ablationNames } from './recipes/ablation.ts'
export { recipeByName, recipeNames, recipes } from './recipes/index.ts'
export { recipeData } from './recipes/input.ts'
export { netOf, type Plan, planOf } from './recipes/plan.ts'
export {
  type AdamUpdate,
  type ByKind,
  type ExpectedErrors,
  type KnownSpeed,
  type RateCourse,
  type Recipe,
  rateAt,
  type SgdUpdate
} from './recipes/recipe.ts'
export { type OptimizerChoice, recipeCourses, recipeOptimizer } from './recipes/run.ts'
export { optimizerOf, SettingsError, type TrainSettings } from './settings.ts'
export { toCheckpoint, toSnapshot } from './snapshot.ts'
export { type SplitData, splitData, withFewerTests } from './split-data.ts'
export { type OpenTrainingOptions, openTraining, type TrainingRun } from './training-run.ts'
export type { LoadWeightsOptions } from './weights.ts'
