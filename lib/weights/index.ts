/**
 * Files of weights that other programs wrote, and how they fit a net.
 *
 * @module alexnode/weights
 */

import '../util/disposal.ts' // before any class that has such a method

export type { PublicTensor } from '../net/graph/public-tensors.ts'
export type { FileDtype } from '../util/files/safetensors-header.ts'
export { type MeanFile, readMeanFile } from './caffe/mean.ts'
export {
  type FitWeightsOptions,
  fitWeights,
  type LeftOut,
  type OtherHead,
  type TakenTensor,
  type WeightsFit
} from './fit/fit.ts'
export { type NamedFit, suitingNets } from './fit/suits.ts'
export type {
  ArrangedTensor,
  ParameterPlace,
  WeightLayer,
  WeightsFile,
  WeightsFormat,
  WeightTensor
} from './format.ts'
export { exportOnnx, type OnnxOptions } from './onnx/export/export.ts'
export { type ImportedNet, importOnnx } from './onnx/import/import.ts'
export type { Preprocessing } from './onnx/preprocessing.ts'
export { readWeights } from './read.ts'
export type { WeightedNet } from './stored.ts'
