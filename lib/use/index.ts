/**
 * Uses of a trained net: outputs, features, nearest images, scores, pictures of its filters.
 *
 * @module alexnode/use
 */

import '../util/disposal.ts' // before any class that has such a method

export type { RunData } from '../run/data.ts'
export type { PredictedBatch } from '../training/evaluate/evaluate.ts'
export { type AssessOptions, assess } from './assess.ts'
export { LayerError, upTo } from './cut.ts'
export {
  type FeatureFacts,
  type FeatureIndex,
  type IndexedImage,
  openIndex,
  writeIndex
} from './feature-index.ts'
export { type FilterOptions, filterSheet, type Picture } from './filters.ts'
export { type Neighbour, nearest, type RowBatch } from './nearest.ts'
export { type OutputBatch, type OutputOptions, outputs } from './outputs.ts'
export { type PhotoFiles, type PhotoFilesOptions, photoFiles } from './photo-files.ts'
export { type ClassScore, type Confusion, Scores } from './scores.ts'
export type { SuitedSet } from './suited.ts'
export {
  RunError,
  type RunFacts,
  type RunSelection,
  readRun,
  type Trained,
  type TrainedOptions
} from './trained.ts'
