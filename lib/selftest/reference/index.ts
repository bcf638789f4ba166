/**
 * A reference of every op in plain TypeScript, which the backends are compared with.
 *
 * @example
 * const { y } = references['relu']({}, { x: { shape: [2], data: Float64Array.of(-1, 1) } }, {})
 */
import * as activation from './activation.ts'
import * as norm from './batch-norm.ts'
import * as convolution from './convolution.ts'
import { crop } from './crop.ts'
import * as products from './dense.ts'
import * as random from './dropout.ts'
import * as image from './image.ts'
import { crossEntropy, sigmoidCrossEntropy } from './loss.ts'
import * as lrn from './lrn.ts'
import * as move from './move.ts'
import * as update from './optimizer.ts'
import * as pooling from './pooling.ts'
import * as shared from './shared-batch-norm.ts'
import type { Reference } from './types.ts'
import { logMeanSoftmax } from './views.ts'

export type { Data, Dense, Fields, Reference, Tensors } from './types.ts'

/** References by op. */
export const references: Readonly<Record<string, Reference>> = {
  conv2d: convolution.conv2d,
  conv2d_backward_data: convolution.conv2dBackwardData,
  conv2d_backward_weights: convolution.conv2dBackwardWeights,
  lrn: lrn.lrn,
  lrn_backward: lrn.lrnBackward,
  lrn_within: lrn.lrnWithin,
  lrn_within_backward: lrn.lrnWithinBackward,
  max_pool: pooling.maxPool,
  max_pool_backward: pooling.maxPoolBackward,
  avg_pool: pooling.avgPool,
  avg_pool_backward: pooling.avgPoolBackward,
  dense: products.dense,
  dense_backward_data: products.denseBackwardData,
  dense_backward_weights: products.denseBackwardWeights,
  gemm: products.gemm,
  batch_norm: norm.batchNorm,
  batch_norm_backward: norm.batchNormBackward,
  batch_norm_inference: norm.batchNormInference,
  batch_norm_update: norm.batchNormUpdate,
  batch_norm_moments: shared.batchNormMoments,
  batch_norm_combine: shared.batchNormCombine,
  batch_norm_backward_sums: shared.batchNormBackwardSums,
  batch_norm_backward_shared: shared.batchNormBackwardShared,
  relu: activation.relu,
  relu_backward: activation.reluBackward,
  leaky_relu: activation.leakyRelu,
  leaky_relu_backward: activation.leakyReluBackward,
  tanh: activation.tanh,
  tanh_backward: activation.tanhBackward,
  sigmoid: activation.sigmoid,
  sigmoid_backward: activation.sigmoidBackward,
  softmax: activation.softmax,
  softmax_backward: activation.softmaxBackward,
  cross_entropy: crossEntropy,
  sigmoid_cross_entropy: sigmoidCrossEntropy,
  dropout: random.dropout,
  dropout_backward: random.dropoutBackward,
  fill_uniform: random.fillUniform,
  fill_normal: random.fillNormal,
  fill: move.fill,
  reorder: move.reorder,
  copy_channels: move.copyChannels,
  add: move.add,
  scale: move.scale,
  finite: move.finite,
  agree: move.agree,
  advance: move.advance,
  sgd: update.sgd,
  adam: update.adam,
  average: update.average,
  norm: update.norm,
  clip_factor: update.clipFactor,
  normalize: image.normalize,
  resize: image.resize,
  crop,
  log_mean_softmax: logMeanSoftmax
}

/**
 * Finds the reference of an op.
 *
 * @throws Error if there is no op of that name
 */
export function reference(op: string): Reference {
  const found = references[op]
  if (found) return found
  throw new Error(
    `[reference] expected one of ${Object.keys(references).join(', ')}, got '${op}'; name an op`
  )
}
